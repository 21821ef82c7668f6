"""The health check of the images: what it answers to a service that serves, drains, is silent, or is not there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from component.deploy.compose_file import free_ports
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SCRIPT = Path(__file__).parents[3] / "deploy" / "healthcheck.py"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def served() -> Iterator[tuple[str, health.HealthServicer]]:
    servicer = health.HealthServicer()
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(None).wait()


def check(address: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "VOICEMESH_LISTEN": address}
    return subprocess.run([sys.executable, SCRIPT], env=env, capture_output=True, text=True, check=False)


def test_a_service_that_serves_is_healthy(served: tuple[str, health.HealthServicer]) -> None:
    address, servicer = served
    servicer.set("", SERVING)
    done = check(address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_service_that_drains_is_not(served: tuple[str, health.HealthServicer]) -> None:
    address, servicer = served
    servicer.set("", NOT_SERVING)
    done = check(address)
    assert (done.returncode, done.stderr) == (1, f"{address} answers NOT_SERVING\n")


def test_a_port_where_nobody_listens_is_not() -> None:
    (port,) = free_ports(1)
    done = check(f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"127.0.0.1:{port} does not answer" in done.stderr


@pytest.mark.parametrize("address", ["", "127.0.0.1:0"])
def test_an_address_that_is_not_fixed_is_refused(address: str) -> None:
    done = check(address)
    assert done.returncode == 1
    assert "VOICEMESH_LISTEN must name a fixed port" in done.stderr
