"""A service of a few lines, run as a process of its own: `python -m fakes.tiny_service`.

Its stream answers each frame with its length; the frame "block" stops the event loop for ever.
"""

import contextlib
import os
import time
from collections.abc import AsyncIterator

from voicemesh.asr.v1 import asr_pb2, asr_service_pb2, asr_service_pb2_grpc
from voicemesh.asr.v1.asr_service_pb2 import StreamingRecognizeRequest, StreamingRecognizeResponse

from mesh.config import ServiceSettings
from mesh.runner import Runtime, run
from mesh.streams import Send, respond

END = StreamingRecognizeRequest(end=asr_pb2.EndOfAudio())


def audio(data: bytes) -> StreamingRecognizeRequest:
    """A frame."""
    return StreamingRecognizeRequest(audio=asr_pb2.AudioFrame(data=data))


class TinyAsr(asr_service_pb2_grpc.AsrServiceServicer):
    """Answers until the explicit end."""

    async def StreamingRecognize(self, request_iterator, context) -> AsyncIterator[StreamingRecognizeResponse]:
        async def work(send: Send[StreamingRecognizeResponse]) -> None:
            async for request in request_iterator:
                if request.HasField("end"):
                    return
                if request.audio.data == b"block":
                    os.write(1, b"blocked\n")
                    time.sleep(3600)  # noqa: ASYNC251 - what it is for
                text = str(len(request.audio.data))
                await send(StreamingRecognizeResponse(transcript=asr_pb2.Transcript(text=text)))

        async with contextlib.aclosing(respond(work)) as responses:
            async for response in responses:
                yield response


async def build(settings: ServiceSettings, runtime: Runtime) -> None:
    """Wire it."""
    descriptor = asr_service_pb2.DESCRIPTOR.services_by_name["AsrService"]
    runtime.add_servicer(asr_service_pb2_grpc.add_AsrServiceServicer_to_server, TinyAsr(), descriptor)


if __name__ == "__main__":
    run(ServiceSettings, build, service="tiny")
