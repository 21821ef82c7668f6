"""A caller of the recogniser: recordings as frames, requests, and the answers sorted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicemesh.asr.v1 import asr_pb2
from voicemesh.asr.v1.asr_service_pb2 import StreamingRecognizeRequest as Request
from voicemesh.asr.v1.asr_service_pb2 import StreamingRecognizeResponse as Response
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat
from voicemesh.common.v1.context_pb2 import RequestContext

from mesh import audio
from mesh.durations import to_duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import grpc
    from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

DATA = Path(__file__).parent / "data"
TRUTH: dict[str, dict] = json.loads((DATA / "truth.json").read_text())
PCM16 = AudioEncoding.AUDIO_ENCODING_PCM16
SPEECH = AudioFormat(encoding=PCM16, sample_rate_hz=16_000)


def recording(name: str) -> np.ndarray:
    samples, rate = soundfile.read(DATA / name, dtype="float32")
    assert rate == 16_000
    return samples


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 16_000), np.float32)


def context(language: str = "en-US", correlation_id: str = "call-1") -> RequestContext:
    return RequestContext(tenant_id="clinic", region="local", correlation_id=correlation_id, language=language)


def config(
    fmt: AudioFormat = SPEECH,
    *,
    language: str = "en-US",
    interim: bool = False,
    phrases: Iterable[str] = (),
    timeout_s: float | None = None,
    speaker: str = "",
    correlation_id: str = "call-1",
    **endpointing: object,
) -> Request:
    seconds = {k: to_duration(v) if isinstance(v, float) else v for k, v in endpointing.items()}
    return Request(
        config=asr_pb2.RecognitionConfig(
            context=context(language, correlation_id),
            audio_format=fmt,
            endpointing=asr_pb2.Endpointing(**seconds),
            interim_results=interim,
            phrases=phrases,
            speaker=speaker,
            silence_timeout=None if timeout_s is None else to_duration(timeout_s),
        )
    )


def frames(samples: np.ndarray, fmt: AudioFormat = SPEECH, *, frame_s: float = 0.1) -> list[Request]:
    """Return 16 kHz samples as requests of so many seconds each in a format."""
    encoder = audio.StreamEncoder(16_000, fmt)
    data = encoder.feed(samples) + encoder.flush()
    width = audio.bytes_per_second(fmt) // fmt.sample_rate_hz
    step = round(frame_s * fmt.sample_rate_hz) * width
    return [
        Request(audio=asr_pb2.AudioFrame(data=data[at : at + step], sequence=number))
        for number, at in enumerate(range(0, len(data), step))
    ]


def raw(data: bytes) -> Request:
    return Request(audio=asr_pb2.AudioFrame(data=data))


FINALIZE = Request(finalize=asr_pb2.Finalize())
END = Request(end=asr_pb2.EndOfAudio())


@dataclass
class Heard:
    """What came back."""

    responses: list[Response] = field(default_factory=list)

    @property
    def finals(self) -> list[asr_pb2.Transcript]:
        return [t for t in self.transcripts if t.is_final]

    @property
    def texts(self) -> list[str]:
        return [t.text for t in self.finals]

    @property
    def transcripts(self) -> list[asr_pb2.Transcript]:
        return [r.transcript for r in self.responses if r.HasField("transcript")]

    @property
    def kinds(self) -> list[str]:
        """Return the order of what happened, with runs of partial transcripts as one."""
        found = []
        for response in self.responses:
            name = _kind(response)
            if name != "partial" or found[-1:] != ["partial"]:
                found.append(name)
        return found


async def talk(
    stub: AsrServiceStub, requests: Iterable[Request], *, hang_up: bool = True, heard: Heard | None = None
) -> Heard:
    """Send the requests as fast as they are taken; return all that comes back.

    It is in `heard` too when the call fails. Without `hang_up` the caller falls silent after the last request, with
    the line open.
    """

    async def speak() -> AsyncIterator[Request]:
        for request in requests:
            yield request
        if not hang_up:
            await asyncio.Event().wait()

    heard = Heard() if heard is None else heard
    async for response in stub.StreamingRecognize(speak(), timeout=60):
        heard.responses.append(response)
    return heard


def reason(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    """Return an error's reason and metadata."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason, dict(info.metadata)


def _kind(response: Response) -> str:
    if response.HasField("activity"):
        return asr_pb2.SpeechActivity.Kind.Name(response.activity.kind).removeprefix("KIND_").lower()
    transcript = response.transcript
    return "final" if transcript.is_final else "speculative" if transcript.is_speculative else "partial"
