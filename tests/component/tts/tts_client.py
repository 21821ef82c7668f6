"""A client of the service for tests: messages to send, and an account of what is heard."""

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat, Word
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.tts.v1 import tts_pb2
from voicemesh.tts.v1 import tts_service_pb2 as pb
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.audio import bytes_per_second
from mesh.durations import seconds

Request = pb.StreamingSynthesizeRequest
Response = pb.StreamingSynthesizeResponse


def config(
    *,
    encoding: int = AudioEncoding.AUDIO_ENCODING_PCM16,
    rate_hz: int = 16_000,
    language: str = "en-US",
    **how: object,
) -> tts_pb2.SynthesisConfig:
    return tts_pb2.SynthesisConfig(
        context=RequestContext(tenant_id="test", region="local", correlation_id="c-1", language=language),
        audio_format=AudioFormat(encoding=encoding, sample_rate_hz=rate_hz),
        **how,  # type: ignore[arg-type]
    )


def configure(**how: object) -> Request:
    return Request(config=config(**how))  # type: ignore[arg-type]


def text(utterance_id: str, piece: str) -> Request:
    return Request(text=tts_pb2.TextPiece(utterance_id=utterance_id, text=piece))


def flush(utterance_id: str) -> Request:
    return Request(flush=tts_pb2.Flush(utterance_id=utterance_id))


def cancel(utterance_id: str = "") -> Request:
    return Request(cancel=tts_pb2.Cancel(utterance_id=utterance_id))


def end() -> Request:
    return Request(end=tts_pb2.EndOfText())


@dataclass
class Heard:
    """What came of one utterance."""

    audio: bytes = b""
    packets: list[tts_pb2.SpeechAudio] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    done: tts_pb2.UtteranceDone | None = None

    @property
    def spoken(self) -> list[str]:
        return [word.text for word in self.words]


class Listener:
    """Gathers responses by utterance, and checks what holds for every stream."""

    def __init__(self, call: object, bytes_per_second: int = 32_000, *, first_sequence: int = 0) -> None:
        self._call = call
        self._bytes_per_second = bytes_per_second
        self.sequence = first_sequence
        self.heard: dict[str, Heard] = {}
        self.order: list[str] = []

    async def until(self, enough: Callable[[Response], bool]) -> Response:
        while True:
            response = await self._call.read()  # type: ignore[attr-defined]
            assert response is not grpc.aio.EOF, "the stream ended early"
            self._take(response)
            if enough(response):
                return response

    async def until_done(self, utterance_id: str) -> Heard:
        await self.until(lambda r: r.HasField("done") and r.done.utterance_id == utterance_id)
        return self.heard[utterance_id]

    async def to_the_end(self) -> dict[str, Heard]:
        while (response := await self._call.read()) is not grpc.aio.EOF:  # type: ignore[attr-defined]
            self._take(response)
        return self.heard

    def _take(self, response: Response) -> None:
        assert response.sequence == self.sequence
        self.sequence += 1
        kind = response.WhichOneof("response")
        body = getattr(response, str(kind))
        heard = self.heard.setdefault(body.utterance_id, Heard())
        assert heard.done is None, "something came after the utterance's end"
        self.order.append(f"{body.utterance_id}:{kind}")
        if kind == "audio":
            heard.audio += body.data
            heard.packets.append(body)
        elif kind == "words":
            sent_s = len(heard.audio) / self._bytes_per_second
            # Durations are exact to the microsecond.
            assert all(seconds(word.start) >= sent_s - 1e-6 for word in body.words), "a word came after its audio"
            heard.words.extend(body.words)
        else:
            heard.done = body


async def say(stub: TtsServiceStub, *requests: Request) -> dict[str, Heard]:
    """Send all, then the end, and return what is heard."""
    call = stub.StreamingSynthesize()
    for request in (*requests, end()):
        await call.write(request)
    return await Listener(call, bytes_per_second(requests[0].config.audio_format)).to_the_end()
