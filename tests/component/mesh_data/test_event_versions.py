"""Two versions of an event on a real nats-server: consumers of either get every call once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from fakes.background import running
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from voicemesh.events.v1 import call_events_pb2 as v1
from voicemesh.events.v1.early_events_pb2 import UtteranceHeard
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v2 import call_completed_pb2 as v2

from mesh import bus as mesh_bus
from mesh.bus import Bus, Delivery, EventError, up_converted
from mesh.database import database, sqlite_url
from mesh.outbox import Outbox, outbox_table

_METADATA = sa.MetaData()
_TABLE = outbox_table(_METADATA, "versions_outbox")
_LAST = "last"


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as connected:
        yield connected


@pytest.fixture
async def outbox(tmp_path) -> AsyncIterator[Outbox]:
    async with database(sqlite_url(tmp_path / "outbox.db")) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(_METADATA.create_all)
        yield Outbox(engine, _TABLE, poll_s=0.05)


def a_call(session: str) -> v1.CallCompleted:
    context = EventContext(event_id=f"{session}.done", tenant_id="clinic", region="local", session_id=session)
    return v1.CallCompleted(context=context, disposition="booked", summary=session)


async def publish(bus: Bus, outbox: Outbox) -> None:
    """Calls of a process that knows version 1 alone, of one that knows both, and a last one of each."""
    for session in ("old-1", "old-2"):
        await bus.publish(a_call(session))
    async with running(outbox.run(bus)):
        async with outbox.transaction() as connection:
            for session in ("new-1", "new-2", _LAST):
                first = a_call(session)
                assert await outbox.add_versions(connection, [first, up_converted(first, v2.CallCompleted)])
                assert not await outbox.add_versions(connection, [first, up_converted(first, v2.CallCompleted)])
        async with asyncio.timeout(30):
            while await outbox.pending():
                await asyncio.sleep(0.02)


class Reader:
    """Keeps what it gets, until the last call came."""

    def __init__(self) -> None:
        self.got: list[tuple[Message, Delivery]] = []
        self.done = asyncio.Event()

    async def handle(self, event: Message, delivery: Delivery) -> None:
        self.got.append((event, delivery))
        if event.summary == _LAST:  # type: ignore[attr-defined]
            self.done.set()

    async def handle_batch(self, batch) -> None:
        for event, delivery in batch:
            await self.handle(event, delivery)


@pytest.mark.parametrize("kind", [v1.CallCompleted, v2.CallCompleted])
@pytest.mark.parametrize("batches", [False, True])
async def test_every_call_is_read_once_in_the_version_asked_for(
    bus: Bus, outbox: Outbox, kind: type[Message], batches: bool
) -> None:
    await publish(bus, outbox)
    assert (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages == 2 + 2 * 3
    reader = Reader()
    consumer = await bus.consumer([kind], durable="reader")
    work = consumer.run_batches(reader.handle_batch, size=3) if batches else consumer.run(reader.handle)
    async with running(work):
        await asyncio.wait_for(reader.done.wait(), 30)
        # What was not handed over is done with as well: nothing waits for an acknowledgement.
        async with asyncio.timeout(30):
            while (info := await bus.jetstream.consumer_info("VOICEMESH_EVENTS", "reader")).num_ack_pending:
                await asyncio.sleep(0.02)
    assert info.num_pending == 0
    assert all(isinstance(event, kind) for event, _ in reader.got)
    assert [event.summary for event, _ in reader.got] == ["old-1", "old-2", "new-1", "new-2", _LAST]
    suffix = ".v2" if kind is v2.CallCompleted else ""
    assert [delivery.event_id for _, delivery in reader.got] == [
        f"{session}.done{suffix}" for session in ("old-1", "old-2", "new-1", "new-2", _LAST)
    ]
    assert {delivery.type_name for _, delivery in reader.got} == {kind.DESCRIPTOR.full_name}


async def test_an_early_event_has_no_place_in_the_outbox(outbox: Outbox) -> None:
    event = UtteranceHeard(context=a_call("s1").context)
    with pytest.raises(EventError, match="early profile"):
        async with outbox.transaction() as connection:
            await outbox.add(connection, event)
    assert await outbox.pending() == 0
