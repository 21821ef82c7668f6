"""Between the dialogue's domain and what the protos of its neighbours share."""

from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat, Word
from voicemesh.common.v1.context_pb2 import RequestContext

from mesh.durations import seconds
from mesh.errors import ErrorReason, MeshError
from services.dialogue import model

ENCODINGS: dict[model.Encoding, AudioEncoding.ValueType] = {
    "pcm16": AudioEncoding.AUDIO_ENCODING_PCM16,
    "mulaw": AudioEncoding.AUDIO_ENCODING_MULAW,
    "alaw": AudioEncoding.AUDIO_ENCODING_ALAW,
}

CALLER, AGENT = "caller", "agent"
"""What words say of who said them."""


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


def no_answer(dependency: str, within_s: float) -> MeshError:
    """Return the error for a neighbour that lives and does not answer."""
    return MeshError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        f"{dependency} did not answer within {within_s:g} s; try again",
        metadata={"dependency": dependency},
    )
