"""The recogniser behind the ASR contract."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import grpc
from voicemesh.asr.v1 import asr_pb2
from voicemesh.asr.v1.asr_service_pb2 import StreamingRecognizeRequest, StreamingRecognizeResponse
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

from mesh.calls import Duplex, duplex
from mesh.durations import seconds, to_duration
from services.dialogue import model
from services.dialogue.adapters.heard_languages import HeardLanguages
from services.dialogue.adapters.protos import CALLER, audio_format, request_context, word

_NAME = "voicemesh.asr.v1.AsrService/StreamingRecognize"
_KINDS: dict[int, Literal["started", "paused", "resumed", "ended"]] = {
    asr_pb2.SpeechActivity.KIND_STARTED: "started",
    asr_pb2.SpeechActivity.KIND_PAUSED: "paused",
    asr_pb2.SpeechActivity.KIND_RESUMED: "resumed",
    asr_pb2.SpeechActivity.KIND_ENDED: "ended",
}


@dataclass(frozen=True)
class Endpointing:
    """Silences, in seconds, after which a turn is prepared and after which it is over; and the session's limit."""

    speculate_s: float
    end_s: float
    session_s: float


class AsrRecognition:
    """One session's recognition stream."""

    def __init__(
        self,
        stream: Duplex[StreamingRecognizeRequest, StreamingRecognizeResponse],
        info: model.SessionInfo,
        endpointing: Endpointing,
        check: Callable[[str], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._check = check
        self._language = ""
        self._info = info
        self._endpointing = endpointing
        self._frames = 0
        self._finished = False

    async def configure(self, language: str, phrases: Sequence[str] = (), longest_pause: float | None = None) -> None:
        """From now on recognise this language, with these words likely; no utterance has a longer pause.

        Nothing is left to tell after the end.

        Raises:
            MeshError: UNRECOGNIZED_LANGUAGE, with the languages that are known; the one before stays.
        """
        if self._finished:
            return
        if language != self._language:
            await self._check(language)
            self._language = language
        assert self._info.input_audio is not None
        config = asr_pb2.RecognitionConfig(
            context=request_context(self._info, language),
            audio_format=audio_format(self._info.input_audio),
            endpointing=asr_pb2.Endpointing(
                speculate_after=to_duration(self._endpointing.speculate_s),
                silence=to_duration(longest_pause or self._endpointing.end_s),
            ),
            interim_results=True,
            phrases=phrases,
            # The session watches silence itself: it knows when the agent speaks and when the call is on hold.
            silence_timeout=to_duration(self._endpointing.session_s),
            speaker=CALLER,
        )
        await self._stream.send(StreamingRecognizeRequest(config=config))

    async def send(self, data: bytes) -> None:
        """Give it audio."""
        frame = asr_pb2.AudioFrame(data=data, sequence=self._frames)
        self._frames += 1
        await self._stream.send(StreamingRecognizeRequest(audio=frame))

    async def finalize(self, pause: float, silence: float) -> None:
        """End the utterance once the pause that began at `pause` has lasted `silence`, unless speech goes on."""
        if self._finished:
            return
        judged = asr_pb2.Finalize(pause=to_duration(pause), silence=to_duration(silence))
        await self._stream.send(StreamingRecognizeRequest(finalize=judged))

    async def finish(self) -> None:
        """Say that no more audio comes."""
        self._finished = True
        await self._stream.finish(_END)

    async def events(self) -> AsyncIterator[model.SpeechActivity | model.Heard | model.RecognitionEnded]:
        """Yield what is heard."""
        async with contextlib.aclosing(self._stream.responses()) as responses:
            async for response in responses:
                if response.HasField("activity"):
                    kind = _KINDS.get(response.activity.kind)
                    if kind is not None:
                        yield model.SpeechActivity(kind, seconds(response.activity.at), response.activity.utterance)
                elif response.HasField("transcript"):
                    yield _heard(response.transcript)
        yield model.RecognitionEnded()


_END = StreamingRecognizeRequest(end=asr_pb2.EndOfAudio())


def _heard(proto: asr_pb2.Transcript) -> model.Heard:
    return model.Heard(
        utterance=proto.utterance,
        text=proto.text,
        is_final=proto.is_final,
        is_speculative=proto.is_speculative,
        start=seconds(proto.start),
        end=seconds(proto.end),
        words=tuple(word(w) for w in proto.words),
        confidence=proto.confidence if proto.HasField("confidence") else None,
        stability=proto.stability if proto.HasField("stability") else None,
        compute_time=seconds(proto.compute_time),
    )


@contextlib.asynccontextmanager
async def recognition(
    channel: grpc.aio.Channel, info: model.SessionInfo, endpointing: Endpointing, languages: HeardLanguages
) -> AsyncIterator[AsrRecognition]:
    """Open a session's recognition stream.

    Raises:
        MeshError: UNRECOGNIZED_LANGUAGE, with the languages that are known.
    """
    check = functools.partial(languages.check, channel)
    async with duplex(AsrServiceStub(channel).StreamingRecognize, "asr", name=_NAME, end=_END) as stream:
        made = AsrRecognition(stream, info, endpointing, check)
        await made.configure(info.language)
        yield made
