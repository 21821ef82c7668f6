"""The event bus on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import nats as nats_py
import pytest
from fakes.background import running
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested, ComplaintLogged, RecordWritten
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus, BusUnavailableError, ConsumerOptions, Delivery, EventError, UnprocessableError, new_event_id
from mesh.config import ConfigError

FAST = ConsumerOptions(retry_first_s=0.01, retry_limit_s=0.02, max_attempts=3)


def a_context(event_id: str = "", region: str = "local") -> EventContext:
    context = EventContext(
        event_id=event_id or new_event_id(),
        tenant_id="clinic",
        region=region,
        correlation_id="corr-1",
        language="en-US",
        session_id="session 1",
    )
    context.occurred_at.FromDatetime(datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    return context


def an_appointment(event_id: str = "", region: str = "local", service: str = "cleaning") -> AppointmentRequested:
    return AppointmentRequested(context=a_context(event_id, region), service=service)


class Inbox:
    """Collects what a consumer hands over; what `then` returns is raised."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[Message, Delivery]] = asyncio.Queue()
        self.errors: list[Exception | None] = []

    async def handle(self, event: Message, delivery: Delivery) -> None:
        await self.received.put((event, delivery))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    async def next(self) -> tuple[Message, Delivery]:
        return await asyncio.wait_for(self.received.get(), 20)


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as connected:
        yield connected


async def dead_letters(url: str, count: int) -> list[nats_py.aio.msg.Msg]:
    client = await nats_py.connect(url)
    try:
        subscription = await client.jetstream().pull_subscribe("voicemesh.dead.>", stream="VOICEMESH_DEAD")
        return [message for _ in range(count) for message in await subscription.fetch(1, timeout=20)]
    finally:
        await client.close()


async def test_an_event_arrives_whole_with_its_attributes(bus: Bus) -> None:
    consumer = await bus.consumer([AppointmentRequested], durable="reader")
    inbox = Inbox()
    async with running(consumer.run(inbox.handle)):
        sent = an_appointment(event_id="event-1")
        await bus.publish(sent)
        event, delivery = await inbox.next()
        assert event == sent
        assert delivery.event_id == "event-1"
        assert delivery.type_name == "voicemesh.events.v1.AppointmentRequested"
        assert delivery.subject == "voicemesh.events.v1.AppointmentRequested.local"
        assert delivery.source == "/voicemesh/test"
        assert delivery.occurred_at == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
        assert delivery.attempt == 1


async def test_the_wire_form_is_cloudevents_binary_mode(nats: NatsServer, bus: Bus) -> None:
    await bus.publish(an_appointment(event_id="event-1"))
    client = await nats_py.connect(nats.url)
    message = await client.jetstream().get_msg("VOICEMESH_EVENTS", 1)
    await client.close()
    assert message.headers is not None
    wanted = {
        "ce-specversion": "1.0",
        "ce-id": "event-1",
        "ce-type": "voicemesh.events.v1.AppointmentRequested",
        "ce-source": "/voicemesh/test",
        "ce-time": "2026-11-24T10:00:00Z",
        "ce-subject": "session%201",
        "ce-tenantid": "clinic",
        "content-type": "application/protobuf",
        "Nats-Msg-Id": "event-1",
    }
    assert {key: message.headers.get(key) for key in wanted} == wanted


async def test_the_same_event_twice_is_one_in_the_stream(bus: Bus) -> None:
    for _ in range(3):
        await bus.publish(an_appointment(event_id="event-1"))
    info = await bus.jetstream.stream_info("VOICEMESH_EVENTS")
    assert info.state.messages == 1


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (AppointmentRequested(), "event_id"),
        (AppointmentRequested(context=EventContext(event_id="a b", tenant_id="t", region="local")), "event_id"),
        (AppointmentRequested(context=EventContext(event_id="a", region="local")), "tenant_id"),
        (AppointmentRequested(context=EventContext(event_id="a", tenant_id="t", region="EU.*")), "region"),
        (an_appointment(service="x" * 1_000_000), "at most"),
        (EventContext(event_id="a"), "is no event"),
    ],
)
async def test_an_event_that_lacks_something_is_refused(bus: Bus, event: Message, complaint: str) -> None:
    with pytest.raises(EventError, match=complaint):
        await bus.publish(event)


async def test_a_consumer_gets_its_types_and_region_only(bus: Bus) -> None:
    consumer = await bus.consumer([AppointmentRequested, RecordWritten], durable="reader", region="eu")
    inbox = Inbox()
    async with running(consumer.run(inbox.handle)):
        await bus.publish(an_appointment(region="us"))
        await bus.publish(ComplaintLogged(context=a_context(region="eu")))
        await bus.publish(RecordWritten(context=a_context("wanted", region="eu")))
        _, delivery = await inbox.next()
        assert delivery.event_id == "wanted"


async def test_one_trace_from_publisher_to_consumer(bus: Bus) -> None:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    consumer = await bus.consumer([AppointmentRequested], durable="reader")
    seen: asyncio.Queue[trace.SpanContext] = asyncio.Queue()

    async def handle(_event: Message, _delivery: Delivery) -> None:
        await seen.put(trace.get_current_span().get_span_context())

    async with running(consumer.run(handle)):
        with trace.get_tracer("test").start_as_current_span("call") as call:
            await bus.publish(an_appointment())
        context = await asyncio.wait_for(seen.get(), 20)
        assert context.trace_id == call.get_span_context().trace_id
        assert context.span_id != call.get_span_context().span_id


async def test_a_failed_event_comes_again_and_then_is_done(bus: Bus) -> None:
    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=FAST)
    inbox = Inbox()
    inbox.errors = [RuntimeError("busy"), RuntimeError("busy")]
    async with running(consumer.run(inbox.handle)):
        await bus.publish(an_appointment())
        assert [(await inbox.next())[1].attempt for _ in range(3)] == [1, 2, 3]


async def test_an_outage_counts_for_nothing_and_nothing_overtakes_what_waits(bus: Bus) -> None:
    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=FAST)
    outage = FAST.max_attempts * 3
    inbox = Inbox()
    inbox.errors = [ConnectionRefusedError("no database") for _ in range(outage)]
    for event_id in ("request", "cancellation"):
        await bus.publish(an_appointment(event_id))
    async with running(consumer.run(inbox.handle)):
        seen = [(await inbox.next())[1] for _ in range(outage + 2)]
    assert [delivery.event_id for delivery in seen] == ["request"] * (outage + 1) + ["cancellation"]
    assert [delivery.attempt for delivery in seen] == [*range(1, outage + 2), 1]
    assert (await bus.jetstream.stream_info("VOICEMESH_DEAD")).state.messages == 0


async def test_what_is_an_outage_is_for_the_consumer_to_say(nats: NatsServer, bus: Bus) -> None:
    def away(error: Exception) -> bool:
        return isinstance(error, LookupError)

    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=FAST, away=away)
    inbox = Inbox()
    inbox.errors = [LookupError("away")] * 5 + [ConnectionRefusedError("its own")] * FAST.max_attempts
    await bus.publish(an_appointment())
    async with running(consumer.run(inbox.handle)):
        [letter] = await dead_letters(nats.url, 1)
    assert (letter.headers or {})["Voicemesh-Dead-Reason"] == "ConnectionRefusedError: its own"
    assert (letter.headers or {})["Voicemesh-Dead-Attempts"] == str(5 + FAST.max_attempts)


async def test_the_order_holds_over_failures_also_in_batches(nats: NatsServer, bus: Bus) -> None:
    ids = ["first", "poison", "third", "refused", "last"]
    for event_id in ids:
        await bus.publish(an_appointment(event_id))
    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=FAST)
    outages = [ConnectionResetError("no database")] * 5
    written: list[str] = []
    finished = asyncio.Event()

    async def handle(batch: Sequence[tuple[Message, Delivery]]) -> None:
        if outages:
            raise outages.pop()
        names = [delivery.event_id for _, delivery in batch]
        if "poison" in names:
            raise ValueError("a value that no database takes")
        if "refused" in names:
            raise UnprocessableError("no")
        written.extend(names)
        if "last" in names:
            finished.set()

    async with running(consumer.run_batches(handle, size=len(ids))):
        await asyncio.wait_for(finished.wait(), 20)
    assert written == ["first", "third", "last"]
    letters = [letter.headers or {} for letter in await dead_letters(nats.url, 2)]
    assert [(letter["ce-id"], letter["Voicemesh-Dead-Reason"]) for letter in letters] == [
        ("poison", "ValueError: a value that no database takes"),
        ("refused", "no"),
    ]


@pytest.mark.parametrize("batches", [False, True])
async def test_what_waits_for_an_outage_to_end_goes_to_nobody_else_until_the_process_ends(
    bus: Bus, *, batches: bool
) -> None:
    options = ConsumerOptions(ack_wait_s=0.6, retry_first_s=0.1, retry_limit_s=0.2)
    waits, other = Inbox(), Inbox()
    waits.errors = [ConnectionRefusedError("no database")] * 10_000
    for event_id in ("first", "second"):
        await bus.publish(an_appointment(event_id))

    async def handle(batch: Sequence[tuple[Message, Delivery]]) -> None:
        for event, delivery in batch:
            await waits.handle(event, delivery)

    reader = await bus.consumer([AppointmentRequested], durable="reader", options=options)
    async with running(reader.run_batches(handle, size=2) if batches else reader.run(waits.handle)):
        # Many acknowledgement waits, as the server's clock counts them: nothing is delivered again meanwhile.
        while (delivery := (await waits.next())[1]).attempt < 15:
            assert delivery.event_id == "first"
        info = await bus.jetstream.consumer_info("VOICEMESH_EVENTS", "reader")
        assert (info.num_redelivered, info.num_ack_pending) == (0, 2 if batches else 1)
    another = await bus.consumer([AppointmentRequested], durable="reader", options=options)
    async with running(another.run(other.handle)):
        given = [(await other.next())[1] for _ in range(2)]
    assert [delivery.event_id for delivery in given] == ["first", "second"]
    assert [delivery.attempt for delivery in given] == [2, 2 if batches else 1]


async def test_an_event_that_nobody_answers_for_is_given_up(nats: NatsServer, bus: Bus) -> None:
    options = ConsumerOptions(max_deliveries=2)
    await bus.publish(an_appointment("deadly"))
    for _ in range(options.max_deliveries):
        begun = asyncio.Event()

        async def handle(_event: Message, _delivery: Delivery, begun: asyncio.Event = begun) -> None:
            begun.set()
            await asyncio.Event().wait()

        consumer = await bus.consumer([AppointmentRequested], durable="reader", options=options)
        async with running(consumer.run(handle)):
            await asyncio.wait_for(begun.wait(), 20)
    inbox = Inbox()
    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=options)
    async with running(consumer.run(inbox.handle)):
        [letter] = await dead_letters(nats.url, 1)
    assert (letter.headers or {})["Voicemesh-Dead-Reason"] == "no answer to 2 deliveries"
    assert inbox.received.empty()


@pytest.mark.parametrize(
    ("errors", "attempts", "reason"),
    [
        ([UnprocessableError("no such tenant")], "1", "no such tenant"),
        ([RuntimeError("broken")] * 3, "3", "RuntimeError: broken"),
    ],
)
async def test_a_poison_event_becomes_a_dead_letter_and_the_next_one_is_served(
    nats: NatsServer,
    bus: Bus,
    errors: list[Exception | None],
    attempts: str,
    reason: str,
) -> None:
    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=FAST)
    inbox = Inbox()
    inbox.errors = errors
    await bus.publish(an_appointment("poison"))
    async with running(consumer.run(inbox.handle)):
        [letter] = await dead_letters(nats.url, 1)
        assert letter.subject == "voicemesh.dead.reader.voicemesh.events.v1.AppointmentRequested.local"
        assert letter.headers is not None
        assert letter.headers["Voicemesh-Dead-Reason"].replace("%20", " ") == reason
        assert letter.headers["Voicemesh-Dead-Attempts"] == attempts
        assert letter.headers["ce-id"] == "poison"
        assert AppointmentRequested.FromString(letter.data).context.event_id == "poison"
        await bus.publish(an_appointment("healthy"))
        while (await inbox.next())[1].event_id != "healthy":
            pass


async def test_bytes_that_are_no_event_become_dead_letters(nats: NatsServer, bus: Bus) -> None:
    subject = "voicemesh.events.v1.AppointmentRequested.local"
    kind = "voicemesh.events.v1.AppointmentRequested"
    await bus.jetstream.publish(subject, b"\xff\xff", headers={"ce-type": kind, "ce-id": "x"})
    await bus.jetstream.publish(subject, b"", headers={"ce-type": kind, "ce-id": "y"})
    await bus.jetstream.publish(subject, b"hello")
    await bus.jetstream.publish(subject, b"hello", headers={"ce-type": "google.protobuf.Duration"})
    consumer = await bus.consumer([AppointmentRequested], durable="reader")
    inbox = Inbox()
    async with running(consumer.run(inbox.handle)):
        letters = await dead_letters(nats.url, 4)
        reasons = [(letter.headers or {})["Voicemesh-Dead-Reason"] for letter in letters]
        assert ["is no" in reasons[0], "no event id" in reasons[1], "no ce-type" in reasons[2]] == [True] * 3
        assert inbox.received.empty()


async def test_an_event_of_a_newer_version_is_passed_over(bus: Bus) -> None:
    subject = "voicemesh.events.v1.AppointmentRequested.local"
    await bus.jetstream.publish(
        subject, b"", headers={"ce-type": "voicemesh.events.v9.AppointmentRequested", "ce-id": "new"}
    )
    await bus.publish(an_appointment("known"))
    consumer = await bus.consumer([AppointmentRequested], durable="reader")
    inbox = Inbox()
    async with running(consumer.run(inbox.handle)):
        assert (await inbox.next())[1].event_id == "known"
        assert (await bus.jetstream.stream_info("VOICEMESH_DEAD")).state.messages == 0


async def test_a_durable_resumes_where_it_stopped_and_shares_its_events(nats: NatsServer, bus: Bus) -> None:
    await bus.publish(an_appointment("first"))
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        consumer = await bus.consumer([AppointmentRequested], durable="reader")
        task = group.create_task(consumer.run(inbox.handle))
        assert (await inbox.next())[1].event_id == "first"
        task.cancel()
    await bus.publish(an_appointment("second"))
    async with mesh_bus.connect(nats.url, source="/voicemesh/later") as later, asyncio.TaskGroup() as group:
        consumer = await later.consumer([AppointmentRequested], durable="reader")
        task = group.create_task(consumer.run(inbox.handle))
        assert (await inbox.next())[1].event_id == "second"
        task.cancel()
    assert inbox.received.empty()


async def test_without_a_durable_every_process_gets_what_is_new(bus: Bus) -> None:
    await bus.publish(an_appointment("before"))
    inboxes = [Inbox(), Inbox()]
    consumers = [await bus.consumer([AppointmentRequested], durable=None) for _ in inboxes]
    pairs = zip(consumers, inboxes, strict=True)
    async with running(*(consumer.run(inbox.handle) for consumer, inbox in pairs)):
        await bus.publish(an_appointment("after"))
        assert [(await inbox.next())[1].event_id for inbox in inboxes] == ["after", "after"]


async def test_a_slow_handler_is_not_given_its_event_twice(bus: Bus) -> None:
    options = ConsumerOptions(ack_wait_s=0.6)
    deliveries: list[int] = []
    done = asyncio.Event()

    async def handle(_event: Message, delivery: Delivery) -> None:
        deliveries.append(delivery.attempt)
        # Three acknowledgement waits, as the server's clock counts them.
        await asyncio.sleep(3 * options.ack_wait_s)
        done.set()

    consumers = [await bus.consumer([AppointmentRequested], durable="reader", options=options) for _ in range(2)]
    async with running(*(consumer.run(handle) for consumer in consumers)):
        await bus.publish(an_appointment())
        await asyncio.wait_for(done.wait(), 20)
    assert deliveries == [1]


async def test_a_handler_that_never_ends_has_failed(nats: NatsServer, bus: Bus) -> None:
    options = ConsumerOptions(handler_timeout_s=0.05, max_attempts=1)

    async def handle(_event: Message, _delivery: Delivery) -> None:
        await asyncio.Event().wait()

    consumer = await bus.consumer([AppointmentRequested], durable="reader", options=options)
    async with running(consumer.run(handle)):
        await bus.publish(an_appointment())
        [letter] = await dead_letters(nats.url, 1)
        assert (letter.headers or {})["Voicemesh-Dead-Reason"].startswith("TimeoutError")


async def test_the_consumer_outlives_an_outage_of_the_broker(nats: NatsServer, bus: Bus) -> None:
    durable, live = Inbox(), Inbox()
    readers = [await bus.consumer([AppointmentRequested], durable=name) for name in ("reader", None)]
    async with running(readers[0].run(durable.handle), readers[1].run(live.handle)):
        await bus.publish(an_appointment("before"))
        assert [(await inbox.next())[1].event_id for inbox in (durable, live)] == ["before", "before"]
        await nats.kill()
        with pytest.raises(BusUnavailableError):
            await bus.publish(an_appointment("lost"))
        await nats.start()
        async with asyncio.timeout(30):
            while True:
                try:
                    await bus.publish(an_appointment("after"))
                    break
                except BusUnavailableError:
                    continue
        for inbox in (durable, live):
            while (await inbox.next())[1].event_id != "after":
                pass


async def test_no_broker_is_said_clearly(nats: NatsServer) -> None:
    await nats.stop()
    with pytest.raises(BusUnavailableError, match="VOICEMESH_NATS_URL"):
        async with mesh_bus.connect(nats.url, source="/voicemesh/test", connect_timeout_s=0.5):
            pass
    with pytest.raises(ConfigError, match="VOICEMESH_NATS_URL"):
        async with mesh_bus.connect("", source="/voicemesh/test"):
            pass
