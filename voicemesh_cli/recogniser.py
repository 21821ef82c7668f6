"""A recogniser to transcribe recordings with: a running one, else one that is started for it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh.asr.v1 import asr_pb2, asr_service_pb2, asr_service_pb2_grpc
from voicemesh.common.v1.audio_pb2 import AudioEncoding, AudioFormat

from voicemesh_cli import endpoints
from voicemesh_cli.launcher import SERVICES, LaunchOptions, launch
from voicemesh_cli.launcher.view import starting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

    from voicemesh_cli.caller import Recording

# RecognizeRequest.audio takes this many bytes; what is longer is streamed.
_UNARY_BYTES = 3_145_728
_FRAME_BYTES = 32_000
_TIMEOUT_S = 600.0


@contextlib.asynccontextmanager
async def recogniser(console: Console, target: str | None) -> AsyncIterator[str]:
    """The address of a recogniser: a named or running one, else one started for the length of the block.

    What is told of the start goes to `console`.
    """
    if target or os.environ.get("VOICEMESH_ASR_TARGET") or endpoints.running_mesh():
        yield endpoints.resolve_target(target, "asr")
        return
    async with contextlib.AsyncExitStack() as stack:
        with starting(console, "starting a recogniser") as progress:
            options = LaunchOptions(
                state_dir=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemesh-"))),
                services=tuple(spec for spec in SERVICES if spec.name == "asr"),
                with_broker=False,
                on_progress=progress,
            )
            mesh = await stack.enter_async_context(launch(options))
        yield mesh.addresses["asr"]


async def transcribe(
    stub: asr_service_pb2_grpc.AsrServiceAsyncStub, each: Recording, language: str
) -> list[asr_pb2.Transcript]:
    """The final transcripts of a recording: by one request where it is short enough, else by a stream.

    `language` is the BCP 47 tag of what is spoken. Raises grpc.aio.AioRpcError when the recogniser fails.
    """
    context = endpoints.context(language=language)
    audio_format = AudioFormat(
        encoding=AudioEncoding.AUDIO_ENCODING_PCM16, sample_rate_hz=each.sample_rate_hz, channels=1
    )
    audio = each.samples.astype("<i2").tobytes()
    if len(audio) <= _UNARY_BYTES:
        request = asr_service_pb2.RecognizeRequest(context=context, audio_format=audio_format, audio=audio)
        return list((await stub.Recognize(request, timeout=_TIMEOUT_S)).transcripts)

    async def requests() -> AsyncIterator[asr_service_pb2.StreamingRecognizeRequest]:
        config = asr_pb2.RecognitionConfig(context=context, audio_format=audio_format)
        # A recording may be silent for as long as it likes.
        config.silence_timeout.FromSeconds(int(each.duration_s) + 60)
        yield asr_service_pb2.StreamingRecognizeRequest(config=config)
        for sequence, start in enumerate(range(0, len(audio), _FRAME_BYTES)):
            frame = asr_pb2.AudioFrame(data=audio[start : start + _FRAME_BYTES], sequence=sequence)
            yield asr_service_pb2.StreamingRecognizeRequest(audio=frame)
        yield asr_service_pb2.StreamingRecognizeRequest(end=asr_pb2.EndOfAudio())

    responses = stub.StreamingRecognize(requests(), timeout=_TIMEOUT_S + each.duration_s)
    return [response.transcript async for response in responses if response.transcript.is_final]
