"""A service as a real process: what its signals and its configuration do."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fakes.tiny_service import END, audio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

TESTS = Path(__file__).parents[2]


@dataclass
class Running:
    """A process that is ready."""

    process: Process
    address: str
    metrics_address: str

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what it wrote."""
        async with asyncio.timeout(20):
            _, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, err.decode()


async def spawned(**environment: str) -> Process:
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fakes.tiny_service",
        env={**os.environ, "PYTHONPATH": paths, **environment}, stdout=PIPE, stderr=PIPE, cwd=TESTS.parent,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def tiny(folder: Path, **environment: str) -> AsyncIterator[Running]:
    ready = folder / "ready.json"
    process = await spawned(VOICEMESH_READY_FILE=str(ready), **environment)
    try:
        async with asyncio.timeout(20):
            while not ready.exists():
                assert process.returncode is None, "it ended before it was ready"
                await asyncio.sleep(0.02)
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid
        yield Running(process, told["address"], told["metrics_address"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@contextlib.asynccontextmanager
async def live_call(address: str) -> AsyncIterator[grpc.aio.StreamStreamCall]:
    async with grpc.aio.insecure_channel(address) as channel:
        call = AsrServiceStub(channel).StreamingRecognize()
        await call.write(audio(b"ab"))
        assert (await call.read()).transcript.text == "2"
        yield call


async def until_draining(address: str) -> None:
    """Wait until the process takes no new connection."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_lets_a_live_call_end_and_takes_no_new_one(tmp_path: Path, number: signal.Signals):
    async with tiny(tmp_path, VOICEMESH_DRAIN_S="60") as service, live_call(service.address) as call:
        service.process.send_signal(number)
        await until_draining(service.address)
        await call.write(audio(b"abcd"))
        assert (await call.read()).transcript.text == "4"
        await call.write(END)
        assert await call.read() is grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
        code, log = await service.ended()
    assert code == 0, log
    assert "service.draining" in log


async def test_a_call_that_does_not_end_is_ended_at_the_limit(tmp_path: Path):
    async with tiny(tmp_path, VOICEMESH_DRAIN_S="0.2") as service, live_call(service.address) as call:
        service.process.send_signal(signal.SIGTERM)
        assert await call.code() == grpc.StatusCode.UNAVAILABLE
        code, log = await service.ended()
    assert code == 0, log


async def test_the_second_signal_ends_it_at_once(tmp_path: Path):
    async with tiny(tmp_path, VOICEMESH_DRAIN_S="3600") as service, live_call(service.address):
        service.process.send_signal(signal.SIGTERM)
        await until_draining(service.address)
        service.process.send_signal(signal.SIGTERM)
        code, log = await service.ended()
    assert code == 1
    assert "service.ended_at_once" in log


async def test_the_second_signal_ends_it_though_its_loop_is_stuck(tmp_path: Path):
    async with tiny(tmp_path, VOICEMESH_DRAIN_S="3600") as service, live_call(service.address) as call:
        service.process.send_signal(signal.SIGTERM)
        await until_draining(service.address)
        await call.write(audio(b"block"))
        assert service.process.stdout is not None
        assert await service.process.stdout.readline() == b"blocked\n"
        service.process.send_signal(signal.SIGINT)
        code, _ = await service.ended()
    assert code == 1


async def test_health_and_metrics_are_told(tmp_path: Path):
    async with tiny(tmp_path) as service, live_call(service.address):
        async with grpc.aio.insecure_channel(service.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(service="voicemesh.asr.v1.AsrService"))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        host, _, port = service.metrics_address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        metrics = (await reader.read()).decode()
        writer.close()
    method = "/voicemesh.asr.v1.AsrService/StreamingRecognize"
    assert f'voicemesh_grpc_calls_in_progress{{method="{method}"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VOICEMESH_LISTEN", "0.0.0.0:0"),
        ("VOICEMESH_METRICS_LISTEN", "0.0.0.0:0"),
        ("VOICEMESH_LISTEN", "nonsense"),
        ("VOICEMESH_DRAIN_S", "-1"),
        ("VOICEMESH_LOG_LEVEL", "LOUD"),
    ],
)
async def test_a_configuration_that_is_none_ends_it_with_a_sentence(variable: str, value: str):
    process = await spawned(**{variable: value})
    async with asyncio.timeout(20):
        _, err = await process.communicate()
    assert process.returncode == 2
    assert variable in err.decode()
    assert "Traceback" not in err.decode()


@pytest.mark.parametrize("variable", ["VOICEMESH_LISTEN", "VOICEMESH_METRICS_LISTEN"])
async def test_an_address_that_is_taken_ends_it_with_a_sentence(variable: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await spawned(**{variable: f"127.0.0.1:{taken.getsockname()[1]}"})
        async with asyncio.timeout(20):
            _, err = await process.communicate()
    assert process.returncode == 2
    assert variable in err.decode()
    assert "Traceback" not in err.decode()
