"""Records reach somebody else's business system once each, whatever it does."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fakes.background import eventually, running
from fakes.crm_world import an_event_context, sync_settings
from fakes.nats_server import NatsServer
from fakes.simulator import Simulated, simulator
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged, OrderInquired, RecordWritten

from mesh import bus as mesh_bus
from mesh.bus import Bus, Delivery
from mesh.database import database, sqlite_url
from mesh.testing import serve
from services.crm_gateway.adapters import tables
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.sync.app import build as build_sync

PATIENT = {"crm_retry_limit_s": 0.2, "crm_max_attempts": 100, "crm_timeout_s": 1.0, "crm_breaker_failures": 1000}


@contextlib.asynccontextmanager
async def worker(folder: Path, nats: NatsServer, url: str, there: Simulated, **options: Any) -> AsyncIterator[None]:
    """One sync process."""
    settings = sync_settings(
        folder, nats_url=nats.url, database_url=url, crm_vendor="simulator", crm_url=there.url, **options
    )
    async with serve(build_sync, settings, service="crm-sync"):
        yield


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        yield bus


def complaint(number: int, *, caller: int = 0, **others: Any) -> ComplaintLogged:
    context = an_event_context(f"e{number}", session_id=f"s{number}", phone=f"+1555000{caller:04d}")
    return ComplaintLogged(context=context, **{"category": "late", **others})


async def test_a_record_and_its_contact_are_there_once(
    tmp_path: Path, nats: NatsServer, database_url: str, bus: Bus
) -> None:
    written: list[RecordWritten] = []

    async def note(event: Any, _: Delivery) -> None:
        written.append(event)

    consumer = await bus.consumer([RecordWritten], durable="notes")
    async with simulator() as there, worker(tmp_path, nats, database_url, there):
        await bus.publish(complaint(1))
        await bus.publish(complaint(2))

        async def done() -> bool:
            return len(there.system.tickets) == 2

        await eventually(done)
        async with running(consumer.run(note)):

            async def announced() -> bool:
                return len(written) == 2

            await eventually(announced)
    assert [ticket["title"] for ticket in there.system.tickets] == ["late", "late"]
    assert [contact["phones"] for contact in there.system.contacts] == [["+15550000000"]]
    assert {ticket["contact_id"] for ticket in there.system.tickets} == {there.system.contacts[0]["id"]}
    assert [(event.vendor, event.record_id, event.source_event_id) for event in written] == [
        ("simulator", "T000001", "e1"),
        ("simulator", "T000002", "e2"),
    ]


async def test_each_tenant_is_written_to_its_own_account(
    tmp_path: Path, nats: NatsServer, database_url: str, bus: Bus
) -> None:
    whose = ["clinic", "shop", "nobody's", "clinic", "shop"]
    for number, tenant_id in enumerate(whose):
        event = complaint(number, caller=number, category=f"{tenant_id} {number}")
        event.context.tenant_id = tenant_id
        await bus.publish(event)
    async with (
        simulator() as clinic,
        simulator() as shop,
        worker(tmp_path, nats, database_url, clinic, crm_sync_tenant="clinic"),
        worker(tmp_path, nats, database_url, shop, crm_sync_tenant="shop"),
    ):

        async def done() -> bool:
            return len(clinic.system.tickets) >= 2 and len(shop.system.tickets) >= 2

        await eventually(done)
        found = [sorted(one["fields"]["category"] for one in there.system.tickets) for there in (clinic, shop)]
    assert found == [["clinic 0", "clinic 3"], ["shop 1", "shop 4"]]
    async with database(database_url) as engine, engine.connect() as connection:
        queued = (await connection.execute(sa.select(tables.deliveries.c.tenant_id).distinct())).scalars()
        assert set(queued) == {"clinic", "shop"}, "who has no account here is left alone"


async def test_whatever_it_does_each_record_is_there_once(
    tmp_path: Path, nats: NatsServer, database_url: str, bus: Bus
) -> None:
    faults = Faults(
        busy=0.1,
        broken=0.1,
        hangs=0.02,
        drops_request=0.1,
        drops_answer=0.15,
        hang_s=1.5,
        retry_after_s=0.02,
        token_s=0.5,
    )
    async with simulator(faults) as there, worker(tmp_path, nats, database_url, there, **PATIENT):
        for number in range(100):
            await bus.publish(complaint(number, caller=number % 20))

        async def done() -> bool:
            return len({ticket["external_id"] for ticket in there.system.tickets}) == 100

        await eventually(done)
    counts = there.system.counts()
    assert (counts["tickets"], counts["tickets_twice"]) == (100, [])
    assert (counts["contacts"], counts["contacts_twice"]) == (20, [])
    assert all(counts["requests"][fault] for fault in ("busy", "broken", "drops_request", "drops_answer"))


async def test_what_can_wait_comes_with_one_request(tmp_path: Path, nats: NatsServer, bus: Bus) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'version = 1\n[events."voicemesh.events.v1.ComplaintLogged"]\n'
        'kind = "complaint"\ntitles = ["a complaint"]\nprofile = "batch"\n'
    )
    options = {"crm_mapping": mapping, "crm_batch_size": 10, "crm_batch_wait_s": 1000.0}
    async with simulator() as there, worker(tmp_path, nats, sqlite_url(tmp_path / "crm.db"), there, **options):
        for number in range(10):
            await bus.publish(complaint(number, caller=number))

        async def done() -> bool:
            return len(there.system.tickets) == 10

        await eventually(done)
    assert there.system.requests["POST tickets/batch"] == 1
    assert there.system.requests["POST tickets"] == 0
    assert len({ticket["contact_id"] for ticket in there.system.tickets}) == 10


async def test_urgent_and_patient_records_are_there_once_and_in_the_order_of_their_contact(
    tmp_path: Path, nats: NatsServer, bus: Bus
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        "version = 1\n"
        '[events."voicemesh.events.v1.ComplaintLogged"]\nkind = "complaint"\ntitles = ["{category}"]\n'
        'profile = "batch"\n[events."voicemesh.events.v1.ComplaintLogged".fields]\ncategory = "category"\n'
        '[events."voicemesh.events.v1.OrderInquired"]\nkind = "order_inquiry"\ntitles = ["{order}"]\n'
        '[events."voicemesh.events.v1.OrderInquired".fields]\norder = "order_number"\n'
    )
    faults = Faults(busy=0.05, broken=0.05, drops_request=0.05, drops_answer=0.15, retry_after_s=0.02)
    options = PATIENT | {"crm_mapping": mapping, "crm_batch_size": 8, "crm_batch_wait_s": 0.1}
    async with simulator(faults) as there, worker(tmp_path, nats, sqlite_url(tmp_path / "crm.db"), there, **options):
        for number in range(30):
            context = an_event_context(f"e{number}", session_id=f"s{number}", phone=f"+1555000{number % 10:04d}")
            urgent = number % 3 == 0
            said = OrderInquired(context=context, order_number=f"{number:02d}")
            await bus.publish(said if urgent else ComplaintLogged(context=context, category=f"{number:02d}"))

        async def done() -> bool:
            return len({ticket["external_id"] for ticket in there.system.tickets}) == 30

        await eventually(done)
    assert there.system.counts()["tickets_twice"] == []
    by_contact: dict[str, list[str]] = {}
    for ticket in there.system.tickets:
        by_contact.setdefault(ticket["contact_id"], []).append(ticket["title"])
    assert len(by_contact) == 10
    assert all(titles == sorted(titles) for titles in by_contact.values())
