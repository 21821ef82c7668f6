"""Early events on a real nats-server: never waited for, lost rather than late."""

import asyncio
from functools import partial

import pytest
from fakes.background import eventually, running
from fakes.nats_server import NatsServer
from google.protobuf.message import Message
from prometheus_client import REGISTRY
from voicemesh.events.v1.early_events_pb2 import UtteranceHeard
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.bus import Delivery, early
from mesh.bus.early import WAITING, EarlyPublisher


def an_utterance(number: int, region: str = "local") -> UtteranceHeard:
    return UtteranceHeard(context=EventContext(event_id=f"u{number}", tenant_id="clinic", region=region))


def unmakeable() -> Message:
    raise ValueError("there is nothing to tell")


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("voicemesh_early_events_dropped_total", {"reason": reason}) or 0.0


class Inbox:
    """Keeps the ids of what comes."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def handle(self, _: Message, delivery: Delivery) -> None:
        self.ids.append(delivery.event_id)

    async def has(self, *ids: str) -> bool:
        return set(ids) <= set(self.ids)


async def test_what_is_told_arrives_by_a_stream_of_its_own(nats: NatsServer) -> None:
    publisher, inbox = EarlyPublisher(), Inbox()
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        consumer = await bus.consumer([UtteranceHeard], durable=None)
        async with running(publisher.run(nats.url, "/voicemesh/test"), consumer.run(inbox.handle)):
            for number in range(3):
                publisher.tell(partial(an_utterance, number))
            await eventually(lambda: inbox.has("u0", "u1", "u2"))
        early_stream = await bus.jetstream.stream_info("VOICEMESH_EARLY")
        assert early_stream.state.messages == 3
        message = await bus.jetstream.get_msg("VOICEMESH_EARLY", 1)
        assert message.subject == "voicemesh.early.v1.UtteranceHeard.local"
        assert (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages == 0


async def test_a_server_that_forgot_the_stream_gets_it_again(nats: NatsServer) -> None:
    publisher, inbox = EarlyPublisher(), Inbox()
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        consumer = await bus.consumer([UtteranceHeard], durable="fraud-watch")
        async with running(publisher.run(nats.url, "/voicemesh/test"), consumer.run(inbox.handle)):
            publisher.tell(partial(an_utterance, 1))
            await eventually(lambda: inbox.has("u1"))
            await nats.stop()
            await nats.start()
            numbers = iter(range(2, 10_000))

            async def heard_again() -> bool:
                # One event is the price of noticing that the stream is gone; the next ones arrive.
                publisher.tell(partial(an_utterance, next(numbers)))
                return len(inbox.ids) > 1

            await eventually(heard_again, within_s=60)


async def test_what_cannot_be_published_is_dropped_and_counted(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, inbox = EarlyPublisher(), Inbox()
    full, refused, late = dropped("full"), dropped("refused"), dropped("late")
    for number in range(WAITING + 5):  # nothing runs yet: as if the bus were away
        publisher.tell(partial(an_utterance, number))
    assert dropped("full") - full == 5
    publisher.tell(partial(an_utterance, 8888, region="No Region"))
    publisher.tell(unmakeable)
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        consumer = await bus.consumer([UtteranceHeard], durable=None)
        async with running(publisher.run(nats.url, "/voicemesh/test"), consumer.run(inbox.handle)):
            await eventually(lambda: inbox.has("u7", f"u{WAITING + 4}"))
            assert "u6" not in inbox.ids, "the oldest went first"

            async def counted(reason: str, before: float) -> bool:
                return dropped(reason) > before

            await eventually(lambda: counted("refused", refused + 1))
            monkeypatch.setattr(early, "LATE_S", -1.0)
            publisher.tell(partial(an_utterance, 7777))
            await eventually(lambda: counted("late", late))
            assert "u7777" not in inbox.ids


async def test_what_waits_for_a_bus_that_is_not_there_is_bounded() -> None:
    publisher, full = EarlyPublisher(), dropped("full")
    async with running(publisher.run("nats://127.0.0.1:1", "/voicemesh/test")):
        await asyncio.sleep(0)  # it tries to connect
        for number in range(2 * WAITING):
            publisher.tell(partial(an_utterance, number))
        assert dropped("full") - full == WAITING
