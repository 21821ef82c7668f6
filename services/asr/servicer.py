"""Between the wire and the domain, nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from voicemesh.asr.v1 import asr_pb2, asr_service_pb2, asr_service_pb2_grpc
from voicemesh.common.v1 import audio_pb2

from mesh.contexts import StreamContext
from mesh.durations import seconds, to_duration
from mesh.streams import Send, respond
from services.asr.model import (
    Activity,
    ActivityKind,
    Audio,
    Configure,
    EndOfAudio,
    Endpointing,
    Finalize,
    Request,
    Response,
    Transcript,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc
    from google.protobuf.message import Message

    from services.asr.config import AsrSettings
    from services.asr.handlers import Recognition

    Rpc = grpc.aio.ServicerContext[object, object]

_KINDS = {
    ActivityKind.STARTED: asr_pb2.SpeechActivity.KIND_STARTED,
    ActivityKind.PAUSED: asr_pb2.SpeechActivity.KIND_PAUSED,
    ActivityKind.RESUMED: asr_pb2.SpeechActivity.KIND_RESUMED,
    ActivityKind.ENDED: asr_pb2.SpeechActivity.KIND_ENDED,
}


class AsrServicer(asr_service_pb2_grpc.AsrServiceServicer):
    """The gRPC face of the recogniser."""

    def __init__(self, recognition: Recognition, settings: AsrSettings) -> None:
        self._recognition = recognition
        self._settings = settings

    async def StreamingRecognize(
        self,
        request_iterator: AsyncIterator[asr_service_pb2.StreamingRecognizeRequest],
        context: Rpc,
    ) -> AsyncIterator[asr_service_pb2.StreamingRecognizeResponse]:
        """Recognise speech while it is spoken."""
        requests = self._requests(request_iterator)

        async def run(send: Send[Response]) -> None:
            await self._recognition.stream(requests, send)

        async with contextlib.aclosing(respond(run)) as responses:
            async for response in responses:
                yield _response(response)

    async def Recognize(
        self,
        request: asr_service_pb2.RecognizeRequest,
        context: Rpc,
    ) -> asr_service_pb2.RecognizeResponse:
        """Recognise a recording."""
        config = Configure(
            audio_format=request.audio_format,
            language=request.context.language,
            endpointing=self._endpointing(asr_pb2.Endpointing()),
            silence_timeout_s=self._settings.asr_silence_timeout_s,
            phrases=tuple(request.phrases),
            speaker=request.speaker,
        )
        transcripts, length = await self._recognition.recording(request.audio, config)
        return asr_service_pb2.RecognizeResponse(
            transcripts=[_transcript(transcript) for transcript in transcripts],
            audio_duration=to_duration(length),
        )

    async def ListEngines(
        self,
        request: asr_service_pb2.ListEnginesRequest,
        context: Rpc,
    ) -> asr_service_pb2.ListEnginesResponse:
        """Say which engines answer here."""
        return asr_service_pb2.ListEnginesResponse(
            engines=[
                asr_pb2.Engine(name=engine.name, model=engine.model, languages=engine.languages)
                for engine in self._recognition.engines()
            ]
        )

    async def _requests(
        self, messages: AsyncIterator[asr_service_pb2.StreamingRecognizeRequest]
    ) -> AsyncIterator[Request]:
        whose = StreamContext()
        async for message in messages:
            match message.WhichOneof("request"):
                case "config":
                    whose.take(message.config.context)
                    yield self._configure(message.config)
                case "audio":
                    yield Audio(message.audio.data)
                case "finalize":
                    yield _finalize(message.finalize)
                case _:
                    yield EndOfAudio()

    def _configure(self, config: asr_pb2.RecognitionConfig) -> Configure:
        return Configure(
            audio_format=config.audio_format,
            language=config.context.language,
            endpointing=self._endpointing(config.endpointing),
            silence_timeout_s=_seconds_or(config, "silence_timeout", self._settings.asr_silence_timeout_s),
            interim_results=config.interim_results,
            phrases=tuple(config.phrases),
            speaker=config.speaker,
        )

    def _endpointing(self, wanted: asr_pb2.Endpointing) -> Endpointing:
        own = self._settings
        return Endpointing(
            speculate_after_s=_seconds_or(wanted, "speculate_after", own.asr_speculate_after_s),
            silence_s=_seconds_or(wanted, "silence", own.asr_silence_s),
            max_utterance_s=_seconds_or(wanted, "max_utterance", own.asr_max_utterance_s),
            manual=wanted.manual,
        )


def _seconds_or(config: Message, field: str, own: float) -> float:
    """A length of time as the client wants it, else the server's own."""
    return seconds(getattr(config, field)) if config.HasField(field) else own


def _response(response: Response) -> asr_service_pb2.StreamingRecognizeResponse:
    message = asr_service_pb2.StreamingRecognizeResponse(
        sequence=response.sequence, audio_offset=to_duration(response.audio_offset_s)
    )
    if isinstance(response.answer, Activity):
        message.activity.CopyFrom(_activity(response.answer))
    else:
        message.transcript.CopyFrom(_transcript(response.answer))
    return message


def _activity(activity: Activity) -> asr_pb2.SpeechActivity:
    return asr_pb2.SpeechActivity(
        kind=_KINDS[activity.kind], at=to_duration(activity.at_s), utterance=activity.utterance
    )


def _transcript(transcript: Transcript) -> asr_pb2.Transcript:
    return asr_pb2.Transcript(
        utterance=transcript.utterance,
        text=transcript.text,
        words=[
            audio_pb2.Word(
                text=word.text,
                start=to_duration(word.start_s),
                end=to_duration(word.end_s),
                confidence=word.confidence,
                speaker=transcript.speaker,
            )
            for word in transcript.words
        ],
        is_final=transcript.is_final,
        is_speculative=transcript.is_speculative,
        confidence=transcript.confidence,
        stability=transcript.stability,
        start=to_duration(transcript.start_s),
        end=to_duration(transcript.end_s),
        language=transcript.language,
        compute_time=to_duration(transcript.compute_s),
    )


def _finalize(message: asr_pb2.Finalize) -> Finalize:
    if not message.HasField("pause"):
        return Finalize()
    return Finalize(seconds(message.pause), seconds(message.silence))
