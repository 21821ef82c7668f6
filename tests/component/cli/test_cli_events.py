"""`voicemesh events tail` on a real broker."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.nats_server import NatsServer, nats_server
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v1.early_events_pb2 import UtteranceHeard
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext
from voicemesh.events.v2 import call_completed_pb2 as v2

from mesh import bus as mesh_bus


def a_context(event_id: str, *, tenant: str = "clinic", session: str = "s1", region: str = "local") -> EventContext:
    context = EventContext(
        event_id=event_id,
        tenant_id=tenant,
        region=region,
        correlation_id="corr-1",
        language="en-US",
        session_id=session,
        customer=CustomerReference(name="Sarah Miller"),
    )
    context.occurred_at.GetCurrentTime()
    return context


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    async with nats_server() as server, mesh_bus.connect(server.url, source="/voicemesh/test") as bus:
        for event in (
            ComplaintLogged(context=a_context("e1"), category="late", description="It came too late."),
            CallCompleted(context=a_context("e2"), disposition="complaint_logged", summary="Sarah complained."),
            CallCompleted(context=a_context("e3", tenant="shop", session="s2"), disposition="no_action"),
            CallCompleted(context=a_context("e4", region="eu-west"), disposition="no_action"),
        ):
            await bus.publish(event)
        for early in (
            UtteranceHeard(context=a_context("u1"), text="It is Sarah Miller speaking."),
            UtteranceHeard(context=a_context("u2", session="s2"), text="Hello."),
        ):
            await bus.publish(early)
        await bus.publish(v2.CallCompleted(context=a_context("e3.v2", session="s3"), summary="Sarah complained."))
        await bus.jetstream.publish(
            "voicemesh.events.v9.Unheard.local", b"", headers={"ce-type": "voicemesh.events.v9.Unheard", "ce-id": "e5"}
        )
        yield server


async def tail(nats: NatsServer | None, *arguments: str, mode: str = "--json") -> tuple[int | None, Any]:
    where = ("--nats", nats.url) if nats else ()
    command = (sys.executable, "-m", "voicemesh_cli", "events", "tail", *where, *arguments, mode)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    text = printed.decode()
    return process.returncode, json.loads(text) if mode == "--json" else text.splitlines()


def ids(document: Any) -> list[str]:
    return [event["id"] for event in document["events"]]


async def test_what_was_published_is_shown_in_order_without_personal_data(nats: NatsServer) -> None:
    code, document = await tail(nats, "--since", "1h", "--count", "6", "--profile", "final")
    assert code == 0
    assert ids(document) == ["e1", "e2", "e3", "e4", "e3.v2", "e5"]
    complaint = document["events"][0]
    assert complaint["type"] == "voicemesh.events.v1.ComplaintLogged"
    assert complaint["event"]["category"] == "late"
    assert complaint["event"]["description"] == "[personal]"
    assert "Sarah" not in json.dumps(document)
    assert "does not know" in document["events"][5]["unreadable"]


async def test_both_profiles_and_all_versions_are_shown(nats: NatsServer) -> None:
    _, document = await tail(nats, "--since", "1h", "--count", "8")
    shown = {event["id"]: (event["profile"], event["version"]) for event in document["events"]}
    assert (shown["e2"], shown["e3.v2"], shown["u1"]) == (("final", 1), ("final", 2), ("early", 1))
    assert "Sarah" not in json.dumps(document)
    _, early = await tail(nats, "--since", "1h", "--count", "1", "--session", "s2", "--profile", "early")
    assert ids(early) == ["u2"]
    _, second = await tail(nats, "--since", "1h", "--type", "v2.CallCompleted", "--count", "1")
    assert ids(second) == ["e3.v2"]


async def test_what_is_wanted_is_chosen(nats: NatsServer) -> None:
    _, of_a_kind = await tail(nats, "--since", "1h", "--type", "CallCompleted", "--count", "4")
    assert ids(of_a_kind) == ["e2", "e3", "e4", "e3.v2"]
    _, of_a_tenant = await tail(nats, "--since", "1h", "--tenant", "shop", "--count", "1")
    assert ids(of_a_tenant) == ["e3"]
    _, of_a_region = await tail(nats, "--since", "1h", "--region", "eu-west", "--count", "1", "--personal")
    assert ids(of_a_region) == ["e4"]
    assert of_a_region["events"][0]["event"]["context"]["customer"] == {"name": "Sarah Miller"}
    _, of_a_session = await tail(nats, "--since", "1h", "--session", "s1", "--count", "4", mode="--lines")
    assert {json.loads(line)["id"] for line in of_a_session} == {"e1", "e2", "e4", "u1"}


async def test_of_a_fact_its_newest_version_is_shown_and_zeros_are_told_from_what_is_not_known(
    nats: NatsServer,
) -> None:
    first = CallCompleted(context=a_context("f1"), summary="x" * 500)
    first.sentiment.score = 0.0
    async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
        for sealed in mesh_bus.seal_versions([first, mesh_bus.up_converted(first, v2.CallCompleted)]):
            await bus.publish_envelope(sealed)
    wanted = ("--since", "1h", "--type")
    _, newest = await tail(nats, *wanted, "CallCompleted", "--count", "5")
    assert ids(newest) == ["e2", "e3", "e4", "e3.v2", "f1.v2"]
    mood = [event["event"].get("sentiment") for event in newest["events"]]
    assert mood == [None, None, None, None, {"score": 0.0}]
    _, both = await tail(nats, *wanted, "CallCompleted", "--all-versions", "--count", "6")
    assert ids(both)[-2:] == ["f1", "f1.v2"]
    _, older = await tail(nats, *wanted, "v1.CallCompleted", "--count", "4")
    assert ids(older)[-1] == "f1"
    _, told = await tail(nats, *wanted, "v2.CallCompleted", "--count", "2", mode="--personal")
    assert "x" * 20 in "".join(told)
    assert "".join(told).count("x") < 200


async def test_only_what_comes_from_now_on_unless_asked(nats: NatsServer) -> None:
    _, nothing = await tail(nats, "--wait", "1")
    assert nothing == {"events": []}


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((), "--count or --wait"),
        (("--wait", "1", "--since", "yesterday"), "10m"),
        (("--wait", "1", "--type", "call.completed"), "CallCompleted"),
        (("--wait", "1", "--type", "CallComplete"), "did you mean CallCompleted?"),
        (("--wait", "1", "--type", "v9.CallCompleted"), "did you mean v"),
        (("--wait", "1", "--profile", "late"), "final or early"),
        (("--wait", "1", "--nats", "nats://127.0.0.1:1"), "start nats-server"),
    ],
)
async def test_what_can_not_be_is_explained(arguments: tuple[str, ...], advice: str) -> None:
    code, document = await tail(None, *arguments)
    assert code in {1, 2}
    assert advice in document["error"]["message"]
