"""A business system outside the gateway's database, and the trace of a call to its record."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from fakes.background import eventually, running
from fakes.crm_world import World, an_event_context
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged, RecordWritten

from mesh import bus as mesh_bus
from mesh.bus import Delivery
from mesh.database import database, migrate
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.deliveries import Allowance
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import Contact, NewRecord, RejectedError
from services.crm_gateway.sync.attempts import DispatchOptions
from services.crm_gateway.sync.dispatcher import Dispatcher
from services.crm_gateway.sync.intake import Intake

FAST = DispatchOptions(retry_first_s=0.01, retry_limit_s=0.02, max_attempts=4, poll_s=0.01)


class RemoteCrm:
    """A business system of somebody else's: it loses so many answers, and refuses one kind."""

    name = "remote"

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.records: dict[str, tuple[NewRecord, Contact | None]] = {}
        self.writes = 0

    async def find(self, record: NewRecord) -> str | None:
        return f"remote-{record.event_id}" if record.event_id in self.records and not self.failures else None

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        self.writes += 1
        if record.title == "refused":
            raise RejectedError("no such category")
        self.records[record.event_id] = (record, contact)
        if self.failures:
            self.failures -= 1
            # As when its answer is lost: it has the record, and we do not know.
            raise ConnectionError("no answer")
        return f"remote-{record.event_id}"


async def test_another_vendor_needs_the_protocol_only(tmp_path: Path, nats: NatsServer, database_url: str) -> None:
    await migrate(database_url, "services.crm_gateway")
    written: list[RecordWritten] = []

    async def note(event: Message, _: Delivery) -> None:
        assert isinstance(event, RecordWritten)
        written.append(event)

    async with database(database_url) as engine, mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        outbox, vendor = Outbox(engine, tables.outbox), RemoteCrm(failures=2)
        queue = Deliveries(outbox, vendor.name, Allowance(1000, 1000))
        dispatcher = Dispatcher(vendor, queue, "one", FAST)
        mapper = Mapper(load_mapping("local", None), 0.5)
        intake = Intake(mapper, outbox, queue, vendor.name, dispatcher.wake, rules=load_rules(None))
        consumer = await bus.consumer([ComplaintLogged], durable="remote")
        notes = await bus.consumer([RecordWritten], durable="notes")
        jobs = (consumer.run_batches(intake.on_events, size=10), dispatcher.run(), outbox.run(bus), notes.run(note))
        async with running(*jobs):
            await bus.publish(ComplaintLogged(context=an_event_context("e1", phone="+15550000001"), category="late"))
            await bus.publish(ComplaintLogged(context=an_event_context("e2"), category="refused"))

            async def done() -> bool:
                return len(written) == 1 and await states(engine) == {"e1": "written", "e2": "dead"}

            await eventually(done)
        assert vendor.writes == 3, "e1 twice without an answer, then it was found; e2 refused for good"
        assert (written[0].vendor, written[0].record_id, written[0].source_event_id) == ("remote", "remote-e1", "e1")
        contact = vendor.records["e1"][1]
        assert contact is not None
        assert contact.phones == ("+15550000001",)
        async with engine.connect() as connection:
            count = (await connection.execute(sa.select(sa.func.count()).select_from(tables.contacts))).scalar_one()
        assert count == 1, "tried three times, one contact"


async def states(engine: AsyncEngine) -> dict[str, str]:
    """What became of each event."""
    statement = sa.select(tables.deliveries.c.event_id, tables.deliveries.c.state)
    async with engine.connect() as connection:
        return {row.event_id: row.state for row in (await connection.execute(statement)).all()}


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        yield exporter
    finally:
        exporter.shutdown()


async def test_one_trace_from_the_call_to_the_record_and_back(crm: World) -> None:
    with recorded_spans() as exporter:
        with trace.get_tracer("test").start_as_current_span("call") as call:
            trace_id = call.get_span_context().trace_id
            await crm.publish(ComplaintLogged(context=an_event_context("e1", phone="+15550000001")))
        await crm.until_records(1)

        async def complete() -> bool:
            await asyncio.sleep(0)
            return {"process ComplaintLogged", "process RecordWritten"} <= {span.name for span in spans()}

        def spans() -> list[ReadableSpan]:
            return [span for span in exporter.get_finished_spans() if span.context.trace_id == trace_id]

        await eventually(complete)
        by_id = {span.context.span_id: span for span in spans()}

        def path(span: ReadableSpan) -> list[str]:
            parent = by_id.get(span.parent.span_id) if span.parent else None
            return [*(path(parent) if parent else []), span.name]

        last = next(span for span in spans() if span.name == "process RecordWritten")
        assert path(last) == [
            "call",
            "publish ComplaintLogged",
            "process ComplaintLogged",
            "publish RecordWritten",
            "process RecordWritten",
        ]
