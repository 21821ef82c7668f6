"""Streams to another service: whatever ends them, the caller knows why and nothing stays behind."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from voicemesh.asr.v1 import asr_pb2, asr_service_pb2, asr_service_pb2_grpc
from voicemesh.asr.v1.asr_service_pb2 import StreamingRecognizeRequest, StreamingRecognizeResponse

from mesh.calls import duplex
from mesh.config import ServiceSettings
from mesh.deadline import set_deadline
from mesh.errors import ErrorReason, MeshError
from mesh.pool import Target, pool
from mesh.serving import Runtime
from mesh.testing import serve

END = StreamingRecognizeRequest(end=asr_pb2.EndOfAudio())
ANSWER = StreamingRecognizeResponse(transcript=asr_pb2.Transcript(text="heard"))


def audio(data: bytes) -> StreamingRecognizeRequest:
    return StreamingRecognizeRequest(audio=asr_pb2.AudioFrame(data=data))


class Scripted(asr_service_pb2_grpc.AsrServiceServicer):
    """Does what the first byte of each frame says."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.open_streams = 0
        self.time_remaining: float | None = None

    async def StreamingRecognize(self, request_iterator, context) -> AsyncIterator[StreamingRecognizeResponse]:
        self.open_streams += 1
        self.time_remaining = context.time_remaining()
        try:
            async for request in request_iterator:
                if request.HasField("end"):
                    self.received.append("end")
                    return
                self.received.append(request.audio.data.decode())
                match request.audio.data:
                    case b"leave":
                        return
                    case b"refuse":
                        raise MeshError(ErrorReason.ERROR_REASON_INVALID_AUDIO, "no such audio")
                    case b"hang":
                        await asyncio.sleep(3600)
                yield ANSWER
        finally:
            self.open_streams -= 1


@contextlib.asynccontextmanager
async def opened(stub: asr_service_pb2_grpc.AsrServiceStub):
    async with duplex(stub.StreamingRecognize, "asr", name="test", end=END) as stream:
        yield stream


@pytest.fixture
async def other() -> AsyncIterator[tuple[Scripted, asr_service_pb2_grpc.AsrServiceStub]]:
    servicer = Scripted()

    async def build(settings: ServiceSettings, runtime: Runtime) -> None:
        descriptor = asr_service_pb2.DESCRIPTOR.services_by_name["AsrService"]
        runtime.add_servicer(asr_service_pb2_grpc.add_AsrServiceServicer_to_server, servicer, descriptor)

    async with (
        serve(build, ServiceSettings(drain_s=0)) as ready,
        pool("asr", "local", [Target(ready.address, "local")]) as channels,
    ):
        yield servicer, asr_service_pb2_grpc.AsrServiceStub(channels.channel("s1"))


async def all_gone(servicer: Scripted) -> None:
    async with asyncio.timeout(10):
        while servicer.open_streams:
            await asyncio.sleep(0.01)


async def test_leaving_says_the_end_once_and_waits_for_the_other_side(other):
    servicer, stub = other
    async with opened(stub) as stream:
        await stream.send(audio(b"a"))
        async with contextlib.aclosing(stream.responses()) as responses:
            assert await anext(responses) == ANSWER
        await stream.finish(END)
    assert servicer.received == ["a", "end"]
    assert servicer.open_streams == 0


async def test_an_end_nobody_asked_for_is_a_failure(other):
    _, stub = other
    async with opened(stub) as stream:
        await stream.send(audio(b"leave"))
        with pytest.raises(MeshError, match="in mid-call") as caught:
            async for _ in stream.responses():
                pass
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    assert caught.value.metadata == {"dependency": "asr"}


async def test_the_end_one_asked_for_is_none(other):
    _, stub = other
    async with opened(stub) as stream:
        await stream.send(audio(b"a"))
        await stream.finish(END)
        assert [r async for r in stream.responses()] == [ANSWER]
        with pytest.raises(RuntimeError, match="after the stream's end"):
            await stream.send(audio(b"b"))


async def test_the_other_side_s_reason_is_passed_on_to_readers_and_writers(other):
    _, stub = other
    async with opened(stub) as stream:
        await stream.send(audio(b"refuse"))
        with pytest.raises(MeshError, match="no such audio") as read:
            async for _ in stream.responses():
                pass
        with pytest.raises(MeshError, match="no such audio") as written:
            await stream.send(audio(b"a"))
    assert read.value.reason == written.value.reason == ErrorReason.ERROR_REASON_INVALID_AUDIO


async def test_a_service_that_is_not_there_is_named():
    async with pool("asr", "local", [Target("127.0.0.1:1", "local")]) as channels:
        stub = asr_service_pb2_grpc.AsrServiceStub(channels.channel("s1"))
        async with opened(stub) as stream:
            with pytest.raises(MeshError, match="asr does not answer") as caught:
                async for _ in stream.responses():
                    pass
    assert caught.value.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE


async def test_a_reader_or_sender_that_is_cancelled_leaves_the_stream_whole(other):
    servicer, stub = other
    async with opened(stub) as stream:
        responses = stream.responses()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(anext(responses))
            await asyncio.sleep(0)
            reader.cancel()
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(stream.send(audio(b"a")))
            await asyncio.sleep(0)
            sender.cancel()
        await stream.send(audio(b"b"))
        async with contextlib.aclosing(stream.responses()) as more:
            assert [await anext(more), await anext(more)] == [ANSWER, ANSWER]
    assert servicer.received == ["a", "b", "end"]


async def test_what_is_left_of_the_incoming_deadline_travels_with_the_stream(other):
    servicer, stub = other
    set_deadline(time.monotonic() + 60)
    async with opened(stub) as stream:
        await stream.send(audio(b"a"))
        async with contextlib.aclosing(stream.responses()) as responses:
            await anext(responses)
    assert servicer.time_remaining is not None
    assert servicer.time_remaining < 120, "the test gave it 60, the server itself gives hours"


async def test_a_deadline_that_has_passed_ends_the_stream(other):
    servicer, stub = other
    set_deadline(time.monotonic())
    async with opened(stub) as stream:
        with pytest.raises(MeshError, match="DEADLINE_EXCEEDED"):
            async for _ in stream.responses():
                pass
    await all_gone(servicer)


async def test_leaving_that_is_cancelled_a_second_time_leaves_nothing(other):
    servicer, stub = other
    inside = asyncio.Event()

    async def talk() -> None:
        async with opened(stub) as stream:
            await stream.send(audio(b"hang"))
            inside.set()
            await asyncio.sleep(3600)

    before = len(asyncio.all_tasks())
    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(talk())
        await inside.wait()
        while not servicer.received:
            await asyncio.sleep(0.01)
        talking.cancel()
        await asyncio.sleep(0.05)
        assert not talking.done(), "it is to be cancelled while it leaves"
        talking.cancel()
    await all_gone(servicer)
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.01)
