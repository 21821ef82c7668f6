"""Consent and the bus: opt-outs of calls, events of writes, revocations across processes, and no broker at all."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import grpc
import pytest
from component.consent.consent_client import MARC, SARAH, ask, check, context, said, suppress
from fakes.nats_server import NatsServer, free_port, nats_server
from google.protobuf.message import Message
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1 import consent_service_pb2 as service_pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub
from voicemesh.events.v1.business_events_pb2 import ConsentGranted, ConsentWithdrawn, OptOutRequested
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.bus import Delivery, connect
from mesh.durations import to_timestamp
from mesh.testing import serve
from services.consent.app import build
from services.consent.config import ConsentSettings


@pytest.fixture
async def broker() -> AsyncIterator[NatsServer]:
    async with nats_server() as server:
        yield server


@asynccontextmanager
async def consent(settings: ConsentSettings, **changes: object) -> AsyncIterator[ConsentServiceStub]:
    changed = settings.model_copy(update={"consent_bus_retry_s": 0.1, **changes})
    async with (
        serve(build, changed, service="consent") as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        yield ConsentServiceStub(channel)


async def until(seen: "asyncio.Queue[Message]", count: int) -> list[Message]:
    async with asyncio.timeout(20):
        return [await seen.get() for _ in range(count)]


async def denied(stub: ConsentServiceStub, subject: pb.Subject, channel: int = pb.CHANNEL_VOICE) -> None:
    """Wait until the subject is denied; each look is a check of its own."""
    question = check(subject)
    question.channel = channel
    async with asyncio.timeout(20):
        while True:
            answer = await stub.CheckConsent(ask(question))
            if answer.decision.outcome == pb.OUTCOME_DENIED:
                return
            await asyncio.sleep(0.02)


def opt_out(event_id: str = "", channel: str = "", **customer: str) -> OptOutRequested:
    return OptOutRequested(
        context=EventContext(
            event_id=event_id or uuid.uuid4().hex,
            occurred_at=to_timestamp(datetime.now(UTC)),
            tenant_id="acme",
            region="local",
            correlation_id="call-7",
            language="es-ES",
            session_id="s-7",
            customer=CustomerReference(**customer),
        ),
        channel=channel,
    )


async def suppressions(stub: ConsentServiceStub) -> list[pb.Suppression]:
    listed = await stub.ListSuppressions(service_pb.ListSuppressionsRequest(context=context()))
    return list(listed.suppressions)


async def test_an_opt_out_in_a_call_becomes_one_suppression(settings: ConsentSettings, broker: NatsServer) -> None:
    event = opt_out(phone=SARAH.phone, customer_id="C-42")
    async with connect(broker.url, source="/test") as bus:
        await bus.publish(event)  # before the service runs: a durable consumer misses nothing
        async with consent(settings, nats_url=broker.url) as stub:
            await denied(stub, SARAH)
        # The same event again, past the stream's own de-duplication, and a later one behind it.
        await bus.jetstream.publish(
            "voicemesh.events.v1.OptOutRequested.local",
            event.SerializeToString(),
            headers={"ce-type": event.DESCRIPTOR.full_name, "ce-id": event.context.event_id},
        )
        await bus.publish(opt_out(phone=MARC.phone, channel="sms"))
        async with consent(settings, nats_url=broker.url) as stub:
            await denied(stub, MARC, pb.CHANNEL_SMS)
            marc, sarah = await suppressions(stub)
    assert (sarah.subject, sarah.channel) == (SARAH, pb.CHANNEL_UNSPECIFIED)
    assert (sarah.correlation_id, sarah.language, sarah.region) == ("call-7", "es-ES", "local")
    assert (marc.subject.phone, marc.channel) == (MARC.phone, pb.CHANNEL_SMS)


async def test_an_opt_out_of_nobody_becomes_a_dead_letter_and_blocks_nothing(
    settings: ConsentSettings, broker: NatsServer
) -> None:
    async with (
        connect(broker.url, source="/test") as bus,
        consent(settings, nats_url=broker.url) as stub,
    ):
        await bus.publish(opt_out(phone="not a number"))
        await bus.publish(opt_out(phone="not a number", customer_id="C-42", channel="carrier pigeon"))
        await denied(stub, pb.Subject(customer_id="C-42"))
        dead = await bus.jetstream.stream_info("VOICEMESH_DEAD")
        assert dead.state.messages == 1
        assert [one.subject.customer_id for one in await suppressions(stub)] == ["C-42"]


async def test_every_write_becomes_an_event(settings: ConsentSettings, broker: NatsServer) -> None:
    seen: asyncio.Queue[Message] = asyncio.Queue(10)

    async def see(event: Message, _: Delivery) -> None:
        await seen.put(event)

    async with (
        connect(broker.url, source="/test") as bus,
        consent(settings, nats_url=broker.url) as stub,
        asyncio.TaskGroup() as tasks,
    ):
        events = await bus.consumer([ConsentGranted, ConsentWithdrawn], durable="test")
        reading = tasks.create_task(events.run(see))
        request = said()
        granted = (await stub.RecordConsent(request)).record
        await stub.RecordConsent(request)  # written once: one event
        revoked = (await stub.RecordConsent(said(pb.CONSENT_STATE_REVOKED))).record
        suppressed = (await stub.AddSuppression(suppress(channel=pb.CHANNEL_SMS))).suppression
        yes, no, never = await until(seen, 3)
        reading.cancel()
    assert isinstance(yes, ConsentGranted)
    assert (yes.record_id, yes.channel, yes.purpose) == (granted.record_id, "voice", "marketing")
    assert yes.context.customer.phone == SARAH.phone
    assert (yes.context.tenant_id, yes.context.correlation_id) == ("acme", "c-1")
    assert isinstance(no, ConsentWithdrawn)
    assert (no.record_id, no.reason, no.purpose) == (revoked.record_id, "revoked", "marketing")
    assert isinstance(never, ConsentWithdrawn)
    assert (never.record_id, never.reason) == (suppressed.suppression_id, "suppressed")
    assert (never.channel, never.purpose) == ("sms", "")


async def both_listen(url: str) -> None:
    """Wait until two processes listen: each has its own live consumer, and they share two durable ones."""
    async with connect(url, source="/test") as bus:
        while True:
            events = await bus.jetstream.stream_info("VOICEMESH_EVENTS")
            if events.state.consumer_count == 4:
                return
            await asyncio.sleep(0.02)


async def test_a_revocation_reaches_the_monitors_of_another_process(
    settings: ConsentSettings, broker: NatsServer
) -> None:
    async with (
        consent(settings, nats_url=broker.url) as here,
        consent(settings, nats_url=broker.url) as there,
    ):
        await here.RecordConsent(said())
        watching = there.Monitor()
        await watching.write(service_pb.MonitorRequest(config=service_pb.MonitorConfig(context=context())))
        await watching.write(service_pb.MonitorRequest(check=check(check_id="a")))
        async with asyncio.timeout(20):
            answer = await watching.read()
            assert answer.decided.decision.outcome == pb.OUTCOME_ALLOWED
            await both_listen(broker.url)
            await here.AddSuppression(suppress())
            pushed = await watching.read()
        watching.cancel()
    assert pushed.revoked.check_id == "a"
    assert pushed.revoked.decision.reason == pb.DECISION_REASON_SUPPRESSED


async def test_without_a_broker_it_decides_and_the_events_follow_later(settings: ConsentSettings) -> None:
    async with consent(settings, nats_url=f"nats://127.0.0.1:{free_port()}") as stub:
        await stub.RecordConsent(said())
        answer = await stub.CheckConsent(ask(check()))
        assert answer.decision.outcome == pb.OUTCOME_ALLOWED
    seen: asyncio.Queue[Message] = asyncio.Queue(10)

    async def see(event: Message, _: Delivery) -> None:
        await seen.put(event)

    async with nats_server() as server, connect(server.url, source="/test") as bus:
        events = await bus.consumer([ConsentGranted], durable="test")
        async with consent(settings, nats_url=server.url), asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(events.run(see))
            (event,) = await until(seen, 1)
            reading.cancel()
    assert isinstance(event, ConsentGranted)


async def test_a_broker_that_comes_late_is_found(settings: ConsentSettings) -> None:
    async with nats_server() as server:
        await server.stop()
        async with consent(settings, nats_url=server.url) as stub:
            assert (await stub.CheckConsent(ask(check()))).decision.outcome == pb.OUTCOME_UNKNOWN
            await server.start()
            async with connect(server.url, source="/test") as bus:
                await bus.publish(opt_out(phone=SARAH.phone))
            await denied(stub, SARAH)
