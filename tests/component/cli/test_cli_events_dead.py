"""`voicemesh events dead` on a real broker."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.background import running
from fakes.nats_server import NatsServer, nats_server
from google.protobuf.message import Message
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus, ConsumerOptions, Delivery, UnprocessableError

FAST = ConsumerOptions(max_attempts=2, retry_first_s=0.01)


def a_complaint(event_id: str, tenant: str = "clinic") -> ComplaintLogged:
    context = EventContext(
        event_id=event_id,
        tenant_id=tenant,
        region="local",
        correlation_id="corr-1",
        session_id="s1",
        customer=CustomerReference(name="Sarah Miller"),
    )
    context.occurred_at.GetCurrentTime()
    return ComplaintLogged(context=context, category="late", description="Sarah was told a lie.")


async def refuse(event: Message, _: Delivery) -> None:
    assert isinstance(event, ComplaintLogged)
    if event.context.event_id == "e1":
        raise UnprocessableError("no such category")
    raise ValueError("Sarah is no value")


async def buried(bus: Bus, count: int) -> None:
    async with asyncio.timeout(20):
        while (await bus.jetstream.stream_info("VOICEMESH_DEAD")).state.last_seq < count:
            await asyncio.sleep(0.02)


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    async with nats_server() as server:
        yield server


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    """Three events that a consumer gave up: two of one business, one of another."""
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as connected:
        consumer = await connected.consumer([ComplaintLogged], durable="reader", options=FAST)
        for event in (a_complaint("e1"), a_complaint("e2"), a_complaint("e3", tenant="shop")):
            await connected.publish(event)
        async with running(consumer.run(refuse)):
            await buried(connected, 3)
        yield connected


async def dead(nats: NatsServer, *arguments: str, json_mode: bool = True) -> tuple[int | None, Any]:
    command = (sys.executable, "-m", "voicemesh_cli", "events", "dead", *arguments, "--nats", nats.url)
    process = await asyncio.create_subprocess_exec(
        *command, *(["--json"] if json_mode else []), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complained = await process.communicate()
    assert b"Traceback" not in complained
    return process.returncode, json.loads(printed) if json_mode else printed.decode()


async def test_they_are_listed_with_the_reason_and_without_personal_data(nats: NatsServer, bus: Bus) -> None:
    code, document = await dead(nats, "list", "--limit", "2")
    assert code == 0
    letters = document["dead_letters"]
    assert [(letter["number"], letter["id"], letter["attempts"]) for letter in letters] == [(1, "e1", 1), (2, "e2", 2)]
    assert [letter["reason"] for letter in letters] == ["no such category", "ValueError: [personal]"]
    assert (letters[0]["consumer"], letters[0]["type"]) == ("reader", "voicemesh.events.v1.ComplaintLogged")
    assert document["more"]
    _, rest = await dead(nats, "list", "--after", "2", "--consumer", "reader", "--tenant", "shop", "--personal")
    assert [(letter["id"], letter["reason"]) for letter in rest["dead_letters"]] == [
        ("e3", "ValueError: Sarah is no value")
    ]
    assert not rest["more"]
    _, printed = await dead(nats, "list", json_mode=False)
    assert "given up by reader" in printed
    assert "Sarah" not in printed
    assert (await dead(nats, "list", "--consumer", "nobody"))[1] == {"dead_letters": [], "more": False}


async def test_one_is_shown_with_its_values(nats: NatsServer, bus: Bus) -> None:
    _, document = await dead(nats, "show", "2")
    assert document["event"]["category"] == "late"
    assert "Sarah" not in json.dumps(document)
    _, document = await dead(nats, "show", "2", "--personal")
    assert document["event"]["description"] == "Sarah was told a lie."
    code, document = await dead(nats, "show", "9")
    assert code == 2
    assert "dead list" in document["error"]["message"]


async def test_a_replayed_event_is_handled_and_is_a_dead_letter_no_more(nats: NatsServer, bus: Bus) -> None:
    code, document = await dead(nats, "replay", "2", "9")
    assert (code, document) == (0, {"replayed": [2], "unknown": [9]})
    # Its own id was seen a moment ago: the stream took it all the same.
    got: asyncio.Queue[tuple[Message, Delivery]] = asyncio.Queue()

    async def handle(event: Message, delivery: Delivery) -> None:
        await got.put((event, delivery))

    consumer = await bus.consumer([ComplaintLogged], durable="reader", options=FAST)
    async with running(consumer.run(handle)):
        event, delivery = await asyncio.wait_for(got.get(), 20)
    assert (event, delivery.event_id) == (a_stored(event, "e2"), "e2")
    assert delivery.subject == "voicemesh.events.v1.ComplaintLogged.local"
    assert [letter["id"] for letter in (await dead(nats, "list"))[1]["dead_letters"]] == ["e1", "e3"]


def a_stored(event: Message, event_id: str) -> ComplaintLogged:
    """The event as it was published, at the moment that the other one has."""
    assert isinstance(event, ComplaintLogged)
    expected = a_complaint(event_id)
    expected.context.occurred_at.CopyFrom(event.context.occurred_at)
    return expected


async def test_all_of_a_consumer_are_replayed_and_one_that_fails_again_comes_back(nats: NatsServer, bus: Bus) -> None:
    assert (await dead(nats, "replay", "--all-of", "nobody"))[1] == {"replayed": [], "unknown": []}
    assert (await dead(nats, "replay", "--all-of", "reader"))[1]["replayed"] == [1, 2, 3]
    consumer = await bus.consumer([ComplaintLogged], durable="reader", options=FAST)
    async with running(consumer.run(refuse)):
        await buried(bus, 6)
    letters = (await dead(nats, "list"))[1]["dead_letters"]
    assert [(letter["number"], letter["id"]) for letter in letters] == [(4, "e1"), (5, "e2"), (6, "e3")]


async def test_what_can_not_be_is_explained(nats: NatsServer) -> None:
    assert (await dead(nats, "list"))[1]["dead_letters"] == []  # a broker without streams
    code, document = await dead(nats, "replay")
    assert (code, "--all-of" in document["error"]["message"]) == (2, True)
    await nats.stop()
    code, document = await dead(nats, "list")
    assert (code, "start nats-server" in document["error"]["message"]) == (1, True)
