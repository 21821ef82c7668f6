"""`voicemesh review` against a running gateway."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
from fakes.crm_world import World, an_event_context, world
from fakes.nats_server import NatsServer
from fakes.review_desk import desk, doubtful
from typer.testing import CliRunner, Result
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.content.v1 import content_service_pb2 as content
from voicemesh.content.v1.content_service_pb2_grpc import (
    ContentServiceServicer,
    add_ContentServiceServicer_to_server,
)
from voicemesh.events.v2.call_completed_pb2 import CallCompleted

from voicemesh_cli.commands import review

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def crm(tmp_path: Path, nats: NatsServer) -> AsyncIterator[World]:
    """A gateway with three drafts."""
    async with world(tmp_path, nats.url) as running, desk(running.address) as ana:
        await running.publish(*(doubtful(f"e{number}", phone="+15550000001") for number in range(3)))
        await ana.until_waiting(3)
        yield running


@pytest.fixture
def run(crm: World) -> Run:
    app = typer.Typer()
    app.callback()(lambda: None)
    review.register(app)
    environment = {"VOICEMESH_CRM_TARGET": crm.address, "VOICEMESH_TENANT": "clinic", "COLUMNS": "200"}

    async def run(*arguments: str) -> Result:
        # Each command runs a loop of its own.
        return await asyncio.to_thread(CliRunner().invoke, app, ["review", *arguments], env=environment)

    return run


async def test_drafts_are_listed_shown_and_decided_on(run: Run) -> None:
    listed = json.loads((await run("list", "--kind", "appointment", "--json")).stdout)
    first, second, third = (str(draft["id"]) for draft in listed["drafts"])
    assert (listed["more"], listed["drafts"][0]["record"]["state"]) == (False, "draft")
    assert [doubt["field"] for doubt in listed["drafts"][0]["doubts"]] == ["day", "date"]
    text = (await run("list")).stdout
    assert "appointment for local draft" in text
    assert "date is 30% sure, and should be 50%" in text

    confirmed = json.loads((await run("confirm", first, "--note", "heard it", "--json")).stdout)
    assert (confirmed["record"]["state"], confirmed["version"]) == ("applied", 3)
    assert "is in local" in (await run("override", second, "date=2026-11-27", "service=", "--by", "ana")).stdout
    assert "not written" in (await run("reject", third, "--by", "ana", "--at-version", "1")).stdout

    shown = json.loads((await run("show", first, "--json")).stdout)
    assert [(step["new_state"], step["by"]) for step in shown["steps"]] == [
        ("draft", "local"),
        ("reviewed", getpass.getuser()),
        ("applied", "local"),
    ]
    assert shown["audio_offset_s"] == 12.5
    whole = (await run("show", second)).stdout
    assert "t3 at 0:12.5" in whole
    assert "date: 2026-11-26 -> 2026-11-27" in whole
    assert "service: cleaning -> nothing" in whole
    assert "nothing waits" in (await run("list")).stdout
    states = json.loads((await run("list", "--state", "all", "--json")).stdout)["drafts"]
    assert [draft["record"]["state"] for draft in states] == ["applied", "applied", "rejected"]


async def test_what_waits_is_shown_as_it_comes(run: Run) -> None:
    watched = json.loads((await run("watch", "--count", "3", "--json")).stdout)["drafts"]
    assert [draft["record"]["event_id"] for draft in watched] == ["e0", "e1", "e2"]
    assert (await run("watch", "--count", "2")).stdout.count("appointment for local draft") == 2


MISTAKES = [
    (("watch",), 2, "give --count"),
    (("show", "999"), 1, "voicemesh review list"),
    (("override", "1", "date"), 2, "FIELD=VALUE"),
    (("override", "1", "date=x", "date=y"), 2, "given twice"),
    (("override", "1", "date=soon"), 2, "must be a day such as"),
    (("override", "1", "colour=red"), 2, "no such field"),
    (("confirm", "1", "--at-version", "9"), 1, "somebody else was faster"),
    (("list", "--older-than", "yesterday"), 2, "such as 4h"),
]


async def test_mistakes_are_told_in_a_sentence_and_only_what_is_old_enough_is_listed(run: Run) -> None:
    for arguments, exit_code, told in MISTAKES:
        result = await run(*arguments, "--json")
        assert result.exit_code == exit_code, arguments
        assert told in json.loads(result.stdout)["error"]["message"], arguments
    assert json.loads((await run("list", "--older-than", "2h", "--json")).stdout)["drafts"] == []
    assert len(json.loads((await run("list", "--older-than", "0", "--json")).stdout)["drafts"]) == 3


class Contents(ContentServiceServicer):
    """Keeps one transcript."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}

    async def GetContent(self, request: content.GetContentRequest, context: Any) -> content.GetContentResponse:
        self.asked = {"uri": request.uri, **{str(key): str(value) for key, value in context.invocation_metadata()}}
        turns = [{"turn_id": f"t{n}", "speaker": "caller", "text": f"words {n}"} for n in range(1, 7)]
        return content.GetContentResponse(data=json.dumps({"turns": turns}).encode())


async def test_the_words_around_a_draft_are_fetched_by_its_reference(crm: World, run: Run) -> None:
    keeper, server = Contents(), grpc.aio.server()
    add_ContentServiceServicer_to_server(keeper, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    early = await run("show", "1", "--words", "--dialogue", address, "--json")
    assert "its call goes on" in json.loads(early.stdout)["error"]["message"]
    ended = CallCompleted(context=an_event_context("end.v2"), transcript=ContentReference(uri="content:///s1.json"))
    await crm.publish(ended)
    await crm.until_records(4)
    found = await run("show", "1", "--words", "--by", "ana", "--dialogue", address, "--json")
    assert [turn["turn_id"] for turn in json.loads(found.stdout)["words"]] == ["t1", "t2", "t3", "t4"]
    assert (keeper.asked["uri"], keeper.asked["voicemesh-principal"]) == ("content:///s1.json", "ana")
    assert keeper.asked["voicemesh-purpose"] == "review%20of%20draft%201"
    assert "words 3" in (await run("show", "1", "--words", "--dialogue", address)).stdout
    await server.stop(None)
