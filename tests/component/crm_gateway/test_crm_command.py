"""`voicemesh crm` against a running gateway."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import typer
from fakes.crm_world import a_request, an_event_context, world
from fakes.nats_server import nats_server
from typer.testing import CliRunner, Result
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import Contact
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested, ComplaintLogged

from voicemesh_cli.commands import crm

Run = Callable[..., Result]
PHONE = "+15550000001"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with two records, in a loop of its own: each command runs one of its own too."""
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    folder = tmp_path_factory.mktemp("crm")

    async def run() -> None:
        async with nats_server() as nats, world(folder, nats.url) as running:
            contact = Contact(phones=[PHONE], customer_id="C-42", display_name="Sarah [Miller]")
            await running.stub.UpsertContact(pb.UpsertContactRequest(context=a_request(), contact=contact))
            context = an_event_context("e1", phone=PHONE)
            await running.publish(
                AppointmentRequested(context=context, service="cleaning", date="2026-11-26", time="10:00"),
                ComplaintLogged(context=an_event_context("e2", session_id="s2"), category="late"),
            )
            await running.until_records(2)
            ready.append(running.address)
            started.set()
            await stop.wait()

    def in_its_own_loop() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=in_its_own_loop)
    thread.start()
    assert started.wait(60)
    yield ready[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.fixture
def run(address: str) -> Run:
    app = typer.Typer()
    crm.register(app)
    runner = CliRunner()
    environment = {"VOICEMESH_CRM_TARGET": address, "VOICEMESH_TENANT": "clinic", "COLUMNS": "200"}
    return lambda *arguments: runner.invoke(app, ["crm", *arguments], env=environment)


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_list_shows_records_the_newest_first(run: Run) -> None:
    shown = document(run("list", "--json"))
    assert [(record["kind"], record["state"]) for record in shown["records"]] == [
        ("complaint", "applied"),
        ("appointment", "applied"),
    ]
    assert shown["more"] is False
    assert shown["records"][1]["fields"] == {"service": "cleaning", "date": "2026-11-26", "time": "10:00"}
    text = run("list").stdout
    assert "cleaning on 2026-11-26 at 10:00" in text
    assert text.index("complaint") < text.index("appointment")


@pytest.mark.parametrize(
    ("options", "kinds", "more"),
    [
        (["--kind", "appointment"], ["appointment"], False),
        (["--session", "s2"], ["complaint"], False),
        (["--limit", "1"], ["complaint"], True),
        (["--kind", "none"], [], False),
        (["--tenant", "shop"], [], False),
    ],
)
def test_list_shows_what_is_asked_for(run: Run, options: list[str], kinds: list[str], more: bool) -> None:
    shown = document(run("list", *options, "--json"))
    assert ([record["kind"] for record in shown["records"]], shown["more"]) == (kinds, more)


def test_an_empty_list_says_what_to_do(run: Run) -> None:
    assert "voicemesh call" in run("list", "--kind", "none").stdout


def test_a_contact_is_found_by_any_of_its_names(run: Run) -> None:
    by_phone = document(run("contact", PHONE, "--json"))
    assert by_phone["contact"]["display_name"] == "Sarah [Miller]"
    assert by_phone["open_items"][0]["kind"] == "appointment"
    for key in ("C-42", by_phone["contact"]["contact_id"]):
        assert document(run("contact", key, "--json"))["contact"] == by_phone["contact"]
    text = run("contact", PHONE).stdout
    assert "Sarah [Miller]" in text
    assert "open appointment" in text


def test_nobody_is_an_error_with_its_reason(run: Run) -> None:
    result = run("contact", "+15559999999", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["reason"] == "NOT_FOUND"


def test_no_gateway_is_said_clearly(run: Run) -> None:
    result = run("list", "--target", "127.0.0.1:1", "--json")
    assert result.exit_code == 1
    assert "error" in json.loads(result.stdout)
    assert grpc.StatusCode.UNAVAILABLE.name in result.stdout or "127.0.0.1:1" in result.stdout
