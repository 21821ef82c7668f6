"""A service from build to end, inside one process."""

import asyncio
import contextlib
import gc
from pathlib import Path

import grpc
import pytest
from fakes.tiny_service import END, TinyAsr, audio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicemesh.asr.v1 import asr_service_pb2, asr_service_pb2_grpc
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

from mesh.config import ServiceSettings
from mesh.serving import Runtime
from mesh.testing import serve


def add(runtime: Runtime, servicer: object) -> None:
    descriptor = asr_service_pb2.DESCRIPTOR.services_by_name["AsrService"]
    runtime.add_servicer(asr_service_pb2_grpc.add_AsrServiceServicer_to_server, servicer, descriptor)


async def test_what_a_cancelled_call_cleans_up_has_its_resources_still():
    log = []

    class Tidy(TinyAsr):
        async def StreamingRecognize(self, request_iterator, context):
            try:
                async for response in super().StreamingRecognize(request_iterator, context):
                    yield response
                    await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(0.2)
                log.append("cleaned up")
                raise

    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        runtime.stack.callback(log.append, "resource closed")
        add(runtime, Tidy())

    async with contextlib.AsyncExitStack() as stack:
        async with serve(build, ServiceSettings(drain_s=0)) as ready:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(ready.address))
            call = AsrServiceStub(channel).StreamingRecognize()
            await call.write(audio(b"ab"))
            await call.read()
        assert log == ["cleaned up", "resource closed"]
        assert await call.code() == grpc.StatusCode.UNAVAILABLE


async def test_resources_close_in_reverse_order_after_the_background_tasks():
    log = []

    async def background() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            log.append("task")

    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        runtime.stack.callback(log.append, "first")
        runtime.stack.callback(log.append, "second")
        runtime.tasks.create_task(background())

    async with serve(build, ServiceSettings(drain_s=0)):
        await asyncio.sleep(0)
    assert log == ["task", "second", "first"]


async def test_a_background_task_that_fails_ends_the_service():
    async def background() -> None:
        raise KeyError("broken")

    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        runtime.tasks.create_task(background())

    with pytest.raises(ExceptionGroup) as caught:
        async with serve(build, ServiceSettings(drain_s=0)):
            await asyncio.sleep(3600)
    assert [repr(e) for e in caught.value.exceptions] == ["KeyError('broken')"]
    del caught
    gc.collect()  # complains of a server that was started and never stopped


async def test_a_build_that_fails_closes_what_it_opened():
    log = []

    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        runtime.stack.callback(log.append, "closed")
        raise KeyError("no model")

    with pytest.raises(ExceptionGroup):
        async with serve(build, ServiceSettings()):
            pass
    assert log == ["closed"]


async def test_health_says_for_good_that_a_draining_service_wants_no_calls():
    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        add(runtime, TinyAsr())

    async with serve(build, ServiceSettings()) as ready, grpc.aio.insecure_channel(ready.address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="voicemesh.asr.v1.AsrService")
        )
        assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
        call = AsrServiceStub(channel).StreamingRecognize()
        await call.write(audio(b"ab"))
        await call.read()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ready.drain(60))
            assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert ready.runtime.draining.is_set()
            health.cancel()
            await call.write(END)
            assert await call.read() is grpc.aio.EOF


async def test_a_service_that_drains_is_no_longer_ready(tmp_path: Path):
    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        add(runtime, TinyAsr())

    ready_file = tmp_path / "ready.json"
    async with serve(build, ServiceSettings(ready_file=ready_file, drain_s=0)) as ready:
        assert ready_file.is_file()
        await ready.drain(0)
        assert not ready_file.exists()
