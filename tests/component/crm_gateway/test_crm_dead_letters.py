"""What could not be written is seen, written after all, or given up, by command and by RPC."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes.background import eventually, running
from fakes.crm_world import World, a_request, an_event_context, sync_settings, world
from fakes.nats_server import NatsServer
from fakes.simulator import Simulated, simulator
from voicemesh.crm.v1 import write_back_service_pb2 as pb
from voicemesh.crm.v1.write_back_pb2 import DeadLetterSelection
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged
from voicemesh.events.v1.dead_letter_events_pb2 import DeadLetterDropped, DeadLetterReplayed

from mesh.bus import Delivery, connect
from mesh.errors import ErrorReason, from_rpc_error
from mesh.testing import serve
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.sync.app import build as build_sync


@pytest.fixture
async def there() -> AsyncIterator[Simulated]:
    async with simulator(Faults(broken=1)) as there:
        yield there


@pytest.fixture
async def crm(tmp_path: Path, nats: NatsServer, database_url: str, there: Simulated) -> AsyncIterator[World]:
    options: dict[str, Any] = {"crm_vendor": "simulator", "crm_url": there.url, "crm_max_attempts": 2}
    settings = sync_settings(tmp_path, nats_url=nats.url, database_url=database_url, crm_retry_limit_s=0.01, **options)
    async with world(tmp_path, nats.url, database_url) as here, serve(build_sync, settings, service="crm-remote"):
        for number in range(3):
            context = an_event_context(f"e{number}", session_id=f"s{number}", phone="+15550000000")
            await here.publish(ComplaintLogged(context=context, category=f"late {number}"))
        yield here


async def until(crm: World, **wanted: int) -> None:
    async with grpc.aio.insecure_channel(crm.address) as channel:
        stub = WriteBackServiceStub(channel)

        async def so() -> bool:
            status = await stub.GetWriteBackStatus(pb.GetWriteBackStatusRequest(context=a_request()))
            return [{name: getattr(each, name) for name in wanted} for each in status.vendors] == [wanted]

        await eventually(so)


async def run(*arguments: str) -> dict[str, Any]:
    """Run a command as a process of its own."""
    command = (sys.executable, "-m", "voicemesh_cli", "crm", "dlq", *arguments, "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    document: dict[str, Any] = json.loads(printed)
    return document | {"exit_code": process.returncode}


async def test_dead_letters_are_seen_replayed_and_dropped(crm: World, nats: NatsServer, there: Simulated) -> None:
    where = ("--target", crm.address, "--tenant", "clinic")
    await until(crm, dead=3, waiting=0)
    found = (await run("list", *where))["dead_letters"]
    assert [letter["record"]["title"] for letter in found] == ["late 2", "late 1", "late 0"]
    assert {letter["attempts"] for letter in found} == {2}
    assert all("500" in letter["reason"] for letter in found)
    middle = found[1]["id"]
    shown = await run("show", str(middle), *where)
    assert (shown["vendor"], shown["record"]["fields"]) == ("simulator", {"category": "late 1"})

    there.system.misbehave(Faults())
    told: list[DeadLetterDropped | DeadLetterReplayed] = []

    async def note(event: Any, _: Delivery) -> None:
        told.append(event)

    assert (await run("drop", str(middle), *where, "--as", "ana", "--purpose", "wrote it by hand"))["count"] == 1
    assert (await run("drop", str(middle), *where))["count"] == 0
    assert (await run("replay", "--all-of", "simulator", *where))["count"] == 2
    await until(crm, dead=0, waiting=0, written=2, dropped=1)
    assert [ticket["title"] for ticket in there.system.tickets] == ["late 0", "late 2"], "in their old order"
    assert (await run("list", *where))["dead_letters"] == []
    (status,) = (await run("status", *where))["vendors"]
    assert (status["vendor"], status["written"], status["dropped"]) == ("simulator", 2, 1)
    assert status["waiting_since"] is None
    async with connect(nats.url, source="/voicemesh/test") as bus:
        consumer = await bus.consumer([DeadLetterDropped, DeadLetterReplayed], durable="notes")
        async with running(consumer.run(note)):

            async def announced() -> bool:
                return len(told) == 3

            await eventually(announced)
    [dropped] = [event for event in told if isinstance(event, DeadLetterDropped)]
    assert (dropped.dead_letter_id, dropped.source_event_id) == (middle, "e1")
    assert (dropped.dropped_by, dropped.purpose) == ("ana", "wrote it by hand")
    replayed = [event for event in told if isinstance(event, DeadLetterReplayed)]
    assert [event.source_event_id for event in replayed] == ["e0", "e2"]


async def test_bad_requests_say_what_to_do(crm: World) -> None:
    where = ("--target", crm.address, "--tenant", "clinic")
    await until(crm, dead=3)
    nothing = await run("replay", *where)
    assert (nothing["exit_code"], "--all-of" in nothing["error"]["message"]) == (2, True)
    missing = await run("show", "9999", *where)
    assert "dlq list" in missing["error"]["message"]
    assert (await run("list", "--target", crm.address, "--tenant", "shop"))["dead_letters"] == [], "another's"
    async with grpc.aio.insecure_channel(crm.address) as channel:
        stub = WriteBackServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListDeadLetters(pb.ListDeadLettersRequest(context=a_request(), page_token="bad"))
        told = from_rpc_error(refused.value)
        assert told.reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
        all_of = DeadLetterSelection(vendor="simulator")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.DropDeadLetters(pb.DropDeadLettersRequest(context=a_request(), selection=all_of))
        assert from_rpc_error(refused.value).reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
        first = await stub.ListDeadLetters(pb.ListDeadLettersRequest(context=a_request(), page_size=2))
        token = first.next_page_token
        following = pb.ListDeadLettersRequest(context=a_request(), page_size=2, page_token=token)
        second = await stub.ListDeadLetters(following)
        assert (len(first.dead_letters), len(second.dead_letters), second.next_page_token) == (2, 1, "")
