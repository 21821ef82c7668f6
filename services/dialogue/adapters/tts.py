"""The agent's voice behind the TTS contract."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

import grpc
from voicemesh.tts.v1 import tts_pb2
from voicemesh.tts.v1.tts_service_pb2 import StreamingSynthesizeRequest, StreamingSynthesizeResponse
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.calls import Duplex, duplex
from mesh.durations import seconds
from services.dialogue import model
from services.dialogue.adapters.protos import audio_format, no_answer, request_context, word

_NAME = "voicemesh.tts.v1.TtsService/StreamingSynthesize"
_END = StreamingSynthesizeRequest(end=tts_pb2.EndOfText())
_QUEUE = 64
_PIECE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of speech; seconds count from the beginning of the turn."""

    data: bytes
    offset: float
    words: tuple[model.Word, ...] = ()


class TtsVoice:
    """One session's synthesis stream; one turn is spoken at a time."""

    def __init__(
        self, stream: Duplex[StreamingSynthesizeRequest, StreamingSynthesizeResponse], info: model.SessionInfo
    ) -> None:
        self._stream = stream
        self._info = info
        # When a turn's queue is full the reader waits, and with it the TTS service.
        self._queues: dict[str, asyncio.Queue[StreamingSynthesizeResponse]] = {}

    async def configure(self, language: str) -> None:
        """Send the configuration."""
        assert self._info.output_audio is not None
        config = tts_pb2.SynthesisConfig(
            context=request_context(self._info, language), audio_format=audio_format(self._info.output_audio)
        )
        await self._stream.send(StreamingSynthesizeRequest(config=config))

    async def set_language(self, language: str) -> None:
        """Speak another language from the next turn on."""
        await self.configure(language)

    async def speak(self, turn_id: str, sentences: Sequence[str]) -> AsyncGenerator[Piece, None]:
        """Yield the speech of a turn as it is made; closing the iterator cancels the rest.

        Raises:
            MeshError: DEPENDENCY_UNAVAILABLE when no speech comes.
        """
        queue = self._queues[turn_id] = asyncio.Queue(_QUEUE)
        done = False
        try:
            text = tts_pb2.TextPiece(utterance_id=turn_id, text=" ".join(sentences))
            await self._stream.send(StreamingSynthesizeRequest(text=text))
            await self._stream.send(StreamingSynthesizeRequest(flush=tts_pb2.Flush(utterance_id=turn_id)))
            words: tuple[model.Word, ...] = ()
            while not done:
                try:
                    async with asyncio.timeout(_PIECE_WITHIN_S):
                        response = await queue.get()
                except TimeoutError:
                    raise no_answer("tts", _PIECE_WITHIN_S) from None
                if response.HasField("words"):
                    words += tuple(word(w) for w in response.words.words)
                elif response.HasField("audio"):
                    yield Piece(response.audio.data, seconds(response.audio.offset), words)
                    words = ()
                done = response.HasField("done")
        finally:
            del self._queues[turn_id]
            while not queue.empty():  # lets a reader that waits for room go on
                queue.get_nowait()
            if not done:
                cancel = tts_pb2.Cancel(utterance_id=turn_id)
                await self._stream.send(StreamingSynthesizeRequest(cancel=cancel))

    async def read(self) -> None:
        """Hand speech to the turn it belongs to; what belongs to a cancelled turn is dropped."""
        async with contextlib.aclosing(self._stream.responses()) as responses:
            async for response in responses:
                kind = response.WhichOneof("response")
                if kind is None:
                    continue
                queue = self._queues.get(getattr(response, kind).utterance_id)
                if queue is not None:
                    await queue.put(response)


@contextlib.asynccontextmanager
async def voice(channel: grpc.aio.Channel, info: model.SessionInfo) -> AsyncIterator[TtsVoice]:
    """Open a session's synthesis stream."""
    async with duplex(TtsServiceStub(channel).StreamingSynthesize, "tts", name=_NAME, end=_END) as stream:
        made = TtsVoice(stream, info)
        await made.configure(info.language)
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(made.read())
            yield made
            reader.cancel()
