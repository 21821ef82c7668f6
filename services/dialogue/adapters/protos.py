"""Between the dialogue's domain and what the protos of its neighbours share."""

from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat, Word
from voicemesh.common.v1.context_pb2 import RequestContext

from mesh.durations import seconds
from services.dialogue import model

ENCODINGS: dict[model.Encoding, AudioEncoding.ValueType] = {
    "pcm16": AudioEncoding.AUDIO_ENCODING_PCM16,
    "mulaw": AudioEncoding.AUDIO_ENCODING_MULAW,
    "alaw": AudioEncoding.AUDIO_ENCODING_ALAW,
}


def request_context(info: model.SessionInfo, language: str = "") -> RequestContext:
    """Return the context of a session's requests."""
    return RequestContext(
        tenant_id=info.tenant_id,
        region=info.region,
        correlation_id=info.correlation_id,
        language=language or info.language,
        session_id=info.session_id,
        time_zone=info.time_zone,
    )


def audio_format(form: model.AudioFormat) -> AudioFormat:
    """Return an audio format's proto."""
    return AudioFormat(encoding=ENCODINGS[form.encoding], sample_rate_hz=form.sample_rate_hz, channels=form.channels)


def word(proto: Word) -> model.Word:
    """Return a word from its proto."""
    confidence = proto.confidence if proto.HasField("confidence") else None
    return model.Word(proto.text, seconds(proto.start), seconds(proto.end), confidence)
