"""`voicemesh consent` against a running consent service."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from mesh.testing import serve
from services.consent.app import build
from services.consent.config import ConsentSettings
from voicemesh_cli.commands import consent

Run = Callable[..., Result]


@pytest.fixture
def address(settings: ConsentSettings) -> Iterator[str]:
    """A service in a loop of its own: each command runs one of its own too."""
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serve(build, settings, service="consent") as running:
            ready.append(running.address)
            started.set()
            await stop.wait()

    def in_its_own_loop() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=in_its_own_loop)
    thread.start()
    assert started.wait(30)
    yield ready[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.fixture
def run(address: str) -> Run:
    app = typer.Typer()
    consent.register(app)
    runner = CliRunner()
    environment = {"VOICEMESH_CONSENT_TARGET": address, "VOICEMESH_TENANT": "acme", "COLUMNS": "200"}
    return lambda *arguments: runner.invoke(app, ["consent", *arguments], env=environment)


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


SARAH = ("--phone", "+15550123456", "--customer", "C-42")
MARKETING = ("--purpose", "marketing")


def test_a_consents_whole_life(run: Run) -> None:
    unknown = document(run("check", *SARAH, *MARKETING, "--json"))["decision"]
    assert (unknown["outcome"], unknown["reason"]) == ("unknown", "no_record")

    said = ("record", "granted", *SARAH, *MARKETING, "--source", "web form", "--wording", "Call me.", "--key", "k-1")
    record = document(run(*said, "--expires", "2030-01-01", "--json"))["record"]
    assert (record["state"], record["channel"], record["purpose"]) == ("granted", "voice", "marketing")
    assert (record["tenant_id"], record["expires_at"]) == ("acme", "2030-01-01T00:00:00Z")
    allowed = document(run("check", *SARAH, *MARKETING, "--json"))["decision"]
    assert (allowed["outcome"], allowed["record_id"]) == ("allowed", record["record_id"])

    suppression = document(run("suppress", *SARAH, "--reason", "asked by letter", "--json"))["suppression"]
    denied = document(run("check", *SARAH, *MARKETING, "--json"))["decision"]
    assert (denied["outcome"], denied["reason"]) == ("denied", "suppressed")
    assert document(run("suppressions", "--json"))["suppressions"] == [suppression]
    document(run("unsuppress", suppression["suppression_id"], "--reason", "a mistake", "--json"))
    assert document(run("suppressions", "--json"))["suppressions"] == []

    assert document(run("history", *SARAH, "--json"))["records"] == [record]


def test_a_person_reads_it_without_json(run: Run) -> None:
    assert "unknown: no_record" in run("check", *SARAH).output
    assert "nothing is written down" in run("history", *SARAH).output
    assert "allowed: caller_initiated" in run("check", *SARAH, "--inbound").output
    run("record", "refused", *SARAH, "--source", "call")
    assert "denied: refused" in run("check", *SARAH).output
    assert "refused" in run("history", *SARAH).output


def test_a_long_history_is_shown_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "_PAGE_SIZE", 2)
    for _ in range(5):
        run("record", "granted", *SARAH, "--source", "call")
        run("suppress", *SARAH, "--reason", "asked")
    assert len(document(run("history", *SARAH, "--json"))["records"]) == 5
    assert len(document(run("suppressions", "--json"))["suppressions"]) == 5


def test_errors_of_the_service_are_one_document(run: Run) -> None:
    result = run("unsuppress", "none", "--reason", "x", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["reason"] == "NOT_FOUND"
    result = run("check", "--phone", "12", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["metadata"]["field"] == "check.subject.phone"


def test_nobody_named_is_a_usage_error(run: Run) -> None:
    result = run("check")
    assert result.exit_code == 2
    assert "--customer" in result.output


@pytest.mark.parametrize("command", ["check", "record", "history", "suppress", "unsuppress", "suppressions"])
def test_help_has_an_example(run: Run, command: str) -> None:
    assert f"voicemesh consent {command}" in run(command, "--help").output
