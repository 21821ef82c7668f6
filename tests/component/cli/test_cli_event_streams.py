"""`voicemesh events streams` on a real broker."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.nats_server import NatsServer, nats_server

from mesh import bus as mesh_bus


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    async with nats_server() as server:
        yield server


async def streams(nats: NatsServer, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
    command = (sys.executable, "-m", "voicemesh_cli", "events", "streams", "--nats", nats.url, *arguments)
    told = {f"VOICEMESH_STREAM_{name}": value for name, value in environment.items()}
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **told}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complained = await process.communicate()
    return process.returncode, printed.decode(), complained.decode()


def verdicts(document: dict[str, Any]) -> dict[str, list[tuple[str, str, bool]]]:
    return {
        stream["name"]: [(one["value"], one["verdict"], one["applied"]) for one in stream["differences"]]
        for stream in document["streams"]
    }


async def test_an_empty_broker_is_set_up_and_is_as_described_then(nats: NatsServer) -> None:
    code, printed, _ = await streams(nats, "--apply", "--json")
    assert code == 0
    missing = [("", "missing", True)]
    assert verdicts(json.loads(printed)) == {
        "VOICEMESH_EVENTS": missing,
        "VOICEMESH_EARLY": missing,
        "VOICEMESH_DEAD": missing,
    }
    code, printed, _ = await streams(nats)
    assert code == 0
    assert printed.count("as described") == 3


async def test_a_change_that_cannot_be_is_told_and_fails(nats: NatsServer) -> None:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test"):
        code, printed, complained = await streams(nats, "--apply", EARLY_STORAGE="file", EVENTS_MAX_AGE_S="1000000")
    assert code == 1
    assert "storage: memory on the broker, file wanted  cannot be changed" in printed
    assert "max_age_s: 604800 on the broker, 1000000 wanted  applied" in printed
    assert "Traceback" not in complained
    assert "would delete what is stored" in complained


async def test_a_wrong_variable_is_named(nats: NatsServer) -> None:
    code, printed, _ = await streams(nats, "--json", EVENTS_REPLICAS="some")
    assert code == 1
    assert "VOICEMESH_STREAM_EVENTS_REPLICAS" in json.loads(printed)["error"]["message"]
