"""The outbox between a real database and a real nats-server."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fakes.background import eventually, running
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus, Delivery, EventError
from mesh.database import database, sqlite_url, transaction
from mesh.outbox import Outbox, outbox_table

metadata = sa.MetaData()
table = outbox_table(metadata, "test_outbox")


def an_event(event_id: str) -> AppointmentRequested:
    context = EventContext(event_id=event_id, tenant_id="t", region="local", correlation_id="c", language="en-US")
    return AppointmentRequested(context=context, service="cleaning")


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        yield Outbox(engine, table, poll_s=0.05)


@contextlib.asynccontextmanager
async def connected(nats: NatsServer) -> AsyncIterator[Bus]:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        yield bus


async def add(outbox: Outbox, *event_ids: str) -> None:
    async with outbox.transaction() as connection:
        for event_id in event_ids:
            await outbox.add(connection, an_event(event_id))


async def emptied(outbox: Outbox) -> None:
    async def none_waits() -> bool:
        return await outbox.pending() == 0

    await eventually(none_waits)


async def held(bus: Bus) -> int:
    return (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages


async def stream(bus: Bus) -> list[str]:
    """Give the ids of what the stream holds, in its order."""
    sequences = range(1, await held(bus) + 1)
    messages = [await bus.jetstream.get_msg("VOICEMESH_EVENTS", sequence) for sequence in sequences]
    return [(message.headers or {})["ce-id"] for message in messages]


async def test_what_is_committed_is_published_in_order(outbox: Outbox, nats: NatsServer) -> None:
    ids = [f"e{number}" for number in range(250)]
    async with connected(nats) as bus, running(outbox.run(bus)):
        await add(outbox, *ids)
        await emptied(outbox)
        assert await stream(bus) == ids


async def test_what_is_rolled_back_is_not_published(outbox: Outbox, nats: NatsServer) -> None:
    async def fail() -> None:
        async with outbox.transaction() as connection:
            await outbox.add(connection, an_event("undone"))
            raise LookupError("undone")

    with pytest.raises(LookupError, match="undone"):
        await fail()
    async with connected(nats) as bus, running(outbox.run(bus)):
        await add(outbox, "done")
        await emptied(outbox)
        assert await stream(bus) == ["done"]


async def test_an_event_is_written_once(outbox: Outbox) -> None:
    async with outbox.transaction() as connection:
        assert await outbox.add(connection, an_event("e"))
        assert not await outbox.add(connection, an_event("e"))
    assert await outbox.pending() == 1


async def test_an_event_without_an_id_is_refused_where_it_is_added(outbox: Outbox) -> None:
    async with outbox.transaction() as connection:
        with pytest.raises(EventError, match="event_id"):
            await outbox.add(connection, AppointmentRequested())


async def test_an_outage_of_the_broker_is_waited_out(outbox: Outbox, nats: NatsServer) -> None:
    async with connected(nats) as bus, running(outbox.run(bus)):
        await add(outbox, "before")
        await emptied(outbox)
        await nats.kill()
        await add(outbox, "during-1", "during-2")
        assert await outbox.pending() == 2
        await nats.start()
        await emptied(outbox)
        assert await stream(bus) == ["before", "during-1", "during-2"]


async def test_two_relays_publish_each_event_once(outbox: Outbox, nats: NatsServer) -> None:
    ids = [f"e{number}" for number in range(120)]
    async with connected(nats) as one, connected(nats) as two, running(outbox.run(one), outbox.run(two)):
        await add(outbox, *ids)
        await emptied(outbox)
        assert await stream(one) == ids


async def test_published_rows_are_pruned(database_url: str, nats: NatsServer) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        outbox = Outbox(engine, table, poll_s=0.05, retention=timedelta(0))
        await add(outbox, "old")

        async def no_row_is_left() -> bool:
            async with engine.connect() as connection:
                return (await connection.execute(sa.select(table.c.id))).all() == []

        async with connected(nats) as bus, running(outbox.run(bus)):
            await eventually(no_row_is_left)


async def test_the_trace_at_adding_is_the_trace_of_the_publishing(outbox: Outbox, nats: NatsServer) -> None:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    with trace.get_tracer("test").start_as_current_span("call") as call:
        await add(outbox, "traced")
    async with connected(nats) as bus, running(outbox.run(bus)):
        await emptied(outbox)
        message = await bus.jetstream.get_msg("VOICEMESH_EVENTS", 1)
    version, trace_id, span_id, _ = (message.headers or {})["traceparent"].split("-")
    assert (version, trace_id) == ("00", f"{call.get_span_context().trace_id:032x}")
    assert span_id != f"{call.get_span_context().span_id:016x}", "the producer has a span of its own"


def _process(url: str, nats_url: str, count: int, relay: str) -> "subprocess.Popen[bytes]":
    script = Path(__file__).with_name("outbox_process.py")
    command = [sys.executable, str(script), url, nats_url, str(count), relay]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


async def _until_added(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"added\n"


async def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    await asyncio.to_thread(process.communicate)


async def test_a_process_killed_before_publishing_publishes_when_it_is_back(tmp_path: Path, nats: NatsServer) -> None:
    url = sqlite_url(tmp_path / "outbox.db")
    first = _process(url, nats.url, 3, relay="0")
    await _until_added(first)
    await _kill(first)
    async with connected(nats) as bus, database(url) as engine:
        assert await stream(bus) == []
        async with running(Outbox(engine, table).run(bus)):
            await emptied(Outbox(engine, table))
        assert await stream(bus) == ["event-0", "event-1", "event-2"]


async def test_a_process_killed_while_publishing_publishes_each_event_once(tmp_path: Path, nats: NatsServer) -> None:
    url = sqlite_url(tmp_path / "outbox.db")
    process = _process(url, nats.url, 1000, relay="1")
    await _until_added(process)
    async with connected(nats) as bus:

        async def begun() -> bool:
            return await held(bus) > 0

        await eventually(begun)
        await _kill(process)
        assert 0 < await held(bus) < 1000
        async with database(url) as engine, running(Outbox(engine, table).run(bus)):
            await emptied(Outbox(engine, table))
        assert await stream(bus) == [f"event-{number}" for number in range(1000)]


async def test_whoever_uses_the_bus_can_be_cancelled_at_any_moment(tmp_path: Path, nats: NatsServer) -> None:
    """The NATS client swallows a cancellation that comes while it flushes: each of these would hang for ever."""

    async def live(outbox: Outbox) -> None:
        async with connected(nats) as bus, asyncio.TaskGroup() as group:
            consumer = await bus.consumer([AppointmentRequested], durable="reader")

            async def ignore(_event: Message, _delivery: Delivery) -> None:
                pass

            group.create_task(consumer.run(ignore))
            await outbox.run(bus)

    async with database(sqlite_url(tmp_path / "outbox.db")) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        outbox = Outbox(engine, table)
        for turns in range(0, 240, 3):
            await add(outbox, f"event-{turns}")
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                task = group.create_task(live(outbox))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
            assert task.cancelled()


async def test_the_relay_waits_for_a_broker_that_comes_later(outbox: Outbox, nats: NatsServer) -> None:
    await nats.stop()
    await add(outbox, "e1", "e2")
    async with running(outbox.relay(nats.url, "/voicemesh/test")):
        assert await outbox.pending() == 2
        await nats.start()
        await emptied(outbox)


async def test_a_relay_that_ends_publishes_what_was_written_last(outbox: Outbox, nats: NatsServer) -> None:
    ids = [f"e{number}" for number in range(250)]
    async with outbox.relaying(nats.url, "/voicemesh/test", flush_s=30):
        await add(outbox, *ids)
    assert await outbox.pending() == 0
    async with connected(nats) as bus:
        assert await stream(bus) == ids


async def test_a_relay_that_ends_without_a_broker_leaves_the_events_for_the_next(
    outbox: Outbox, nats: NatsServer
) -> None:
    await nats.stop()
    async with outbox.relaying(nats.url, "/voicemesh/test", flush_s=0.2):
        await add(outbox, "e1")
    assert await outbox.pending() == 1
