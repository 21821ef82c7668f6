"""What is not sure enough for somebody else's business system waits for a person, and is then written there once."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes.background import eventually, running
from fakes.crm_process import Process, started
from fakes.crm_world import World, an_event_context, sync_settings, world
from fakes.nats_server import NatsServer
from fakes.review_desk import Desk, desk, doubtful
from fakes.simulator import Simulated, simulator
from voicemesh.crm.v1.crm_pb2 import (
    RECORD_STATE_APPLIED,
    RECORD_STATE_DRAFT,
    RECORD_STATE_REJECTED,
    RECORD_STATE_REVIEWED,
)
from voicemesh.crm.v1.write_back_pb2 import DeadLetterSelection
from voicemesh.crm.v1.write_back_service_pb2 import DropDeadLettersRequest
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged
from voicemesh.events.v1.review_events_pb2 import DraftRejected

from mesh import bus as mesh_bus
from mesh.bus import Delivery, connect
from mesh.testing import serve
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.sync.app import build as build_sync

PHONE = "+15550000001"


@pytest.fixture
async def there() -> AsyncIterator[Simulated]:
    async with simulator() as there:
        yield there


@contextlib.asynccontextmanager
async def with_simulator(
    folder: Path, nats: NatsServer, there: Simulated, database_url: str = "", **options: Any
) -> AsyncIterator[tuple[World, Desk]]:
    """Run the gateway, and a sync process of the simulator beside that of the gateway's own CRM."""
    settings = sync_settings(
        folder, nats_url=nats.url, database_url=database_url, crm_vendor="simulator", crm_url=there.url, **options
    )
    async with (
        world(folder, nats.url, database_url) as crm,
        serve(build_sync, settings, service="crm-remote"),
        desk(crm.address) as ana,
    ):
        yield crm, ana


async def until_state(ana: Desk, number: int, state: int) -> None:
    async def so() -> bool:
        return (await ana.show(number)).draft.record.state == state

    await eventually(so)


async def test_a_draft_holds_up_nothing_and_is_written_once_when_confirmed(
    tmp_path: Path, nats: NatsServer, there: Simulated, database_url: str
) -> None:
    async with with_simulator(tmp_path, nats, there, database_url) as (crm, ana):
        await crm.publish(
            doubtful("e1", phone=PHONE),
            ComplaintLogged(context=an_event_context("e2", phone=PHONE), category="late"),
            doubtful("e3", phone=PHONE),
        )
        first, second = await ana.until_waiting(2, vendor="simulator")

        async def complaint_is_there() -> bool:
            return [ticket["kind"] for ticket in there.system.tickets] == ["complaint"]

        await eventually(complaint_is_there)
        confirmed = await ana.override(first.id, {"date": "2026-11-27"})
        assert confirmed.record.state in {RECORD_STATE_REVIEWED, RECORD_STATE_APPLIED}
        await ana.reject(second.id)
        await until_state(ana, first.id, RECORD_STATE_APPLIED)
        await until_state(ana, second.id, RECORD_STATE_REJECTED)
        [step] = (await ana.show(first.id)).steps[2:]
        assert (step.old_state, step.by) == (RECORD_STATE_REVIEWED, "simulator")
        # The gateway's own CRM has drafts of its own, which nobody has decided on.
        assert len(await ana.until_waiting(2, vendor="local")) == 2
    [_, appointment] = there.system.tickets
    assert (appointment["state"], appointment["title"]) == ("applied", "cleaning on 2026-11-27 at 10:00")
    assert appointment["fields"] == {
        "day": "2026-11-27", "date": "2026-11-27", "time": "10:00", "service": "cleaning"
    }  # fmt: skip
    assert there.system.counts()["tickets_twice"] == []


async def test_an_override_of_what_is_applied_puts_it_right_wherever_it_went(
    tmp_path: Path, nats: NatsServer, there: Simulated, database_url: str
) -> None:
    async with with_simulator(tmp_path, nats, there, database_url) as (crm, ana):
        await crm.publish(doubtful("e1", phone=PHONE))
        drafts = {draft.vendor: draft.id for draft in await ana.until_waiting(2)}
        await ana.confirm(drafts["local"])
        await ana.confirm(drafts["simulator"])
        await until_state(ana, drafts["simulator"], RECORD_STATE_APPLIED)
        corrected = await ana.override(drafts["local"], {"date": "2026-11-27"}, note="called back")
        assert (corrected.version, corrected.record.title) == (4, "cleaning on 2026-11-27 at 10:00")

        async def it_is_right_there() -> bool:
            return [ticket["title"] for ticket in there.system.tickets] == ["cleaning on 2026-11-27 at 10:00"]

        await eventually(it_is_right_there)
        [record] = await crm.records()
        assert dict(record.fields)["date"] == dict(record.fields)["day"] == "2026-11-27"
        last = (await ana.show(drafts["local"])).steps[-1]
        assert (last.old_state, last.new_state, last.by, last.note) == (
            RECORD_STATE_APPLIED,
            RECORD_STATE_APPLIED,
            "ana",
            "called back",
        )
        beside = await ana.show(drafts["simulator"])
        assert beside.draft.record.fields["date"] == "2026-11-27", "its draft says what it holds"
        assert [step.version for step in beside.steps] == [1, 2, 3, 4]
        with pytest.raises(grpc.aio.AioRpcError, match="says so already"):
            await ana.override(drafts["simulator"], {"date": "2026-11-27"})


async def test_each_business_system_has_its_own_threshold(tmp_path: Path, nats: NatsServer, there: Simulated) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        "version = 1\n[vendors.simulator]\nreview_fields = { day = 0.9 }\n"
        '[events."voicemesh.events.v1.AppointmentRequested"]\n'
        'kind = "appointment"\ntitles = ["{service}"]\nslots = true\naction = true\n'
    )
    async with with_simulator(tmp_path, nats, there, crm_mapping=mapping) as (crm, ana):
        await crm.publish(doubtful("e1", day=0.7, phone=PHONE))
        [draft] = await ana.until_waiting(1)
        assert (draft.vendor, [doubt.threshold for doubt in draft.doubts]) == ("simulator", [0.9])
        [record] = await crm.until_records(1)
        assert record.state == RECORD_STATE_APPLIED
        # The one that was content with less has what was wrong: it is put right, too.
        await ana.override(draft.id, {"day": "2026-11-27"})
        [record] = await crm.records()
        assert record.fields["day"] == "2026-11-27"
        await until_state(ana, draft.id, RECORD_STATE_APPLIED)
    assert [ticket["fields"]["day"] for ticket in there.system.tickets] == ["2026-11-27"]


async def test_what_was_said_yes_to_is_rejected_with_its_dropped_letter(
    tmp_path: Path, nats: NatsServer, there: Simulated, database_url: str
) -> None:
    there.system.misbehave(Faults(broken=1))
    options = {"crm_max_attempts": 1, "crm_retry_limit_s": 0.01}
    async with with_simulator(tmp_path, nats, there, database_url, **options) as (crm, ana):
        await crm.publish(doubtful("e1", phone=PHONE))
        [draft] = await ana.until_waiting(1, vendor="simulator")
        await ana.confirm(draft.id)
        async with grpc.aio.insecure_channel(crm.address) as channel:
            letters = WriteBackServiceStub(channel)
            selection = DeadLetterSelection(vendor="simulator")
            request = DropDeadLettersRequest(context=ana.context, selection=selection)
            who = (("voicemesh-principal", "ben"), ("voicemesh-purpose", "wrote-it-by-hand"))

            async def dropped() -> bool:
                return bool((await letters.DropDeadLetters(request, metadata=who)).count)

            await eventually(dropped)
        found = await ana.show(draft.id)
        assert found.draft.record.state == RECORD_STATE_REJECTED
        assert [(step.new_state, step.by, step.note) for step in found.steps[1:]] == [
            (RECORD_STATE_REVIEWED, "ana", ""),
            (RECORD_STATE_REJECTED, "ben", "wrote-it-by-hand"),
        ]
        rejected: list[DraftRejected] = []

        async def note(event: Any, _: Delivery) -> None:
            rejected.append(event)

        async with connect(nats.url, source="/voicemesh/test") as bus:
            consumer = await bus.consumer([DraftRejected], durable="notes")
            async with running(consumer.run(note)):

                async def told() -> bool:
                    return [event.rejected_by for event in rejected] == ["ben"]

                await eventually(told)


@pytest.mark.slow
async def test_killed_between_draft_decision_and_writing_each_is_written_once(
    tmp_path: Path, nats: NatsServer, there: Simulated
) -> None:
    count = 20
    hot = Process("services.crm_gateway", tmp_path, nats.url)
    remote = {
        "VOICEMESH_CRM_VENDOR": "simulator",
        "VOICEMESH_CRM_URL": there.url,
        "VOICEMESH_CRM_SYNC_TENANT": "*",
    }
    sync = Process("services.crm_gateway.sync", tmp_path, nats.url, **remote)
    async with started(hot) as address, mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        async with started(sync):
            for number in range(count):
                caller = f"+1555000000{number % 5}"
                await bus.publish(doubtful(f"e{number}", session_id=f"s{number}", phone=caller))
            async with desk(address) as ana:
                drafts = await ana.until_waiting(count)
        # The process of the queue was killed with the drafts made; that of the decisions is, amid them.
        confirmed: set[int] = set()
        one_is = asyncio.Event()

        async def confirm(ana: Desk, number: int) -> None:
            with contextlib.suppress(grpc.aio.AioRpcError):
                confirmed.add((await ana.confirm(number)).id)
                one_is.set()

        async with desk(address) as ana, asyncio.TaskGroup() as tasks:
            for draft in drafts:
                tasks.create_task(confirm(ana, draft.id))
            async with asyncio.timeout(60):
                await one_is.wait()
            await hot.end(signal.SIGKILL)
    assert there.system.tickets == [], "nobody was there to write them"
    async with started(hot) as address, desk(address) as ana:
        left = await ana.drafts(RECORD_STATE_DRAFT)
        assert not confirmed & {draft.id for draft in left}, "what was answered was done"
        for draft in left:
            await ana.confirm(draft.id)
        async with started(sync):

            async def all_are_applied() -> bool:
                return len(await ana.drafts(RECORD_STATE_APPLIED)) == count

            await eventually(all_are_applied, within_s=90)
        for draft in drafts:
            assert [step.version for step in (await ana.show(draft.id)).steps] == [1, 2, 3]
    counts = there.system.counts()
    assert (counts["tickets"], counts["tickets_twice"]) == (count, [])
