"""Actions that a domain declares, over real HTTP."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.web_server import Answer, Asked, Write, answer, web_server

from mesh.config import ConfigError
from services.dialogue.actions import Actions, installed_actions
from services.dialogue.actions.http import http_transport
from services.dialogue.policy import Action, ActionResult, CallInfo

CALL = CallInfo("clinic", "en", "UTC", datetime(2026, 11, 20, tzinfo=UTC))
DECLARED = """
actions:
  slots:
    description: Looks free times of a day up.
    arguments: {day: "the day, ISO 8601", service: what for}
    optional: [service]
    timeout: 2
    http:
      method: GET
      url: ${CALENDAR_URL}/days/{day}
      headers: {Authorization: "Bearer ${CALENDAR_TOKEN}"}
      values: {first: slots.0.time, count: total, open: open, none: slots.7.time}
  book:
    effect: true
    http: {url: "${CALENDAR_URL}/bookings", values: {number: id}}
"""
FREE = answer(200, '{"slots": [{"time": "10:00"}], "total": 3, "open": true}')


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("CALENDAR_TOKEN", "s3cret")
    return monkeypatch


def declare(folder: Path, text: str = DECLARED) -> Path:
    (folder / "clinic").mkdir(exist_ok=True)
    (folder / "clinic" / "actions.yaml").write_text(text)
    return folder


async def do(folder: Path, action: Action, key: str = "") -> ActionResult:
    async with http_transport() as transport:
        return await Actions(installed_actions(transport, declare(folder))).run(action, CALL, key)


async def test_a_lookup_asks_by_get_and_takes_what_was_declared(tmp_path, environment):
    async with web_server(FREE) as server:
        environment.setenv("CALENDAR_URL", server.url)
        result = await do(tmp_path, Action("slots", {"day": "2026-11-24/x", "service": "a b"}), "key")
    assert result == ActionResult({"first": "10:00", "count": "3", "open": "true"})
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/days/2026-11-24%2Fx", {"service": "a b"})
    assert asked.headers["authorization"] == "Bearer s3cret"
    assert "idempotency-key" not in asked.headers


async def test_an_effect_posts_json_with_its_key(tmp_path, environment):
    async with web_server(answer(201, '{"id": 7}')) as server:
        environment.setenv("CALENDAR_URL", server.url)
        result = await do(tmp_path, Action("book", {"day": "2026-11-24"}), "s1:c4:book:0")
    assert result == ActionResult({"number": "7"})
    (asked,) = server.asked
    assert (asked.method, asked.json()) == ("POST", {"day": "2026-11-24"})
    assert asked.headers["idempotency-key"] == "s1:c4:book:0"


async def _hang(_: Asked, write: Write) -> None:
    await asyncio.sleep(3600)


async def _half(_: Asked, write: Write) -> None:
    await write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(503, "busy"), "the other side answered 503"),
        (answer(302, "", Location="https://elsewhere.example"), "the other side answered 302"),
        (answer(200, "<html>"), "the other side's answer is no JSON"),
        (answer(200, b"x" * 300_000), "the other side's answer is longer than 262144 bytes"),
        (answer(200, '{"slots": [{"time": {}}]}'), "the other side's answer has no single value at 'slots.0.time'"),
        (_half, "the other side could not be asked (RemoteProtocolError)"),
    ],
)
async def test_answers_that_are_none_are_failures(tmp_path, environment, given: Answer, error: str):
    async with web_server(given) as server:
        environment.setenv("CALENDAR_URL", server.url)
        assert await do(tmp_path, Action("slots", {"day": "x"})) == ActionResult(error=error)


async def test_an_answer_that_never_comes_is_given_up(tmp_path, environment):
    async with web_server(_hang) as server:
        environment.setenv("CALENDAR_URL", server.url)
        result = await do(tmp_path, Action("slots", {"day": "x"}, timeout=0.2))
        assert result.error == "it took longer than 0.2 s"
        await server.gone.wait()


async def test_nobody_there_is_a_failure(tmp_path, environment):
    async with web_server(FREE) as server:
        environment.setenv("CALENDAR_URL", server.url)
    assert (
        await do(tmp_path, Action("slots", {"day": "x"}))
    ).error == "the other side could not be asked (ConnectError)"


async def test_an_argument_of_the_address_must_be_there(tmp_path, environment):
    environment.setenv("CALENDAR_URL", "http://127.0.0.1:9")
    assert (await do(tmp_path, Action("slots"))).error == "its address needs day; give it by 'with'"


async def test_without_its_variables_an_action_fails_and_says_why(tmp_path, environment):
    environment.delenv("CALENDAR_URL", raising=False)
    result = await do(tmp_path, Action("book"))
    assert result.error == "it is not set up: the environment has no CALENDAR_URL"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("actions: {a: {http: {url: 'http://example.com/x'}}}", "must begin with https"),
        ("actions: {a: {http: {url: 'ftp://example.com/x'}}}", "must begin with https"),
        ("actions: {a: {http: {url: 'https:///x'}}}", "must begin with https"),
        ("actions: {a: {http: {url: 'https://[::1'}}}", "must begin with https"),
        ("actions: {a: {}}", r"actions\.a\.http: Field required"),
        ("actions: {A-b: {http: {url: 'https://x'}}}", "A-b"),
        ("actions: {a: {http: {url: 'https://x', methods: GET}}}", "methods"),
        ("actions: {a: {timeout: 0, http: {url: 'https://x'}}}", "timeout"),
        ("actions: {a: {optional: [day], http: {url: 'https://x'}}}", "day"),
        ("actions: [a", "not YAML"),
        ("- a", "Input should be"),
    ],
)
async def test_a_declaration_that_is_wrong_is_named(tmp_path, text: str, problem: str):
    async with http_transport() as transport:
        with pytest.raises(ConfigError, match=problem) as error:
            installed_actions(transport, declare(tmp_path, text))
    assert "actions.yaml" in str(error.value)


async def test_http_to_this_machine_is_allowed_by_any_of_its_names(tmp_path):
    for host in ("localhost", "127.0.0.1:81", "127.8.0.1", "[::1]:81"):
        text = f"actions: {{a: {{http: {{url: 'http://{host}/x'}}}}}}"
        async with http_transport() as transport:
            assert set(installed_actions(transport, declare(tmp_path, text)).of("clinic")) == {"a"}


async def test_an_action_of_a_distribution_is_in_every_domain(tmp_path, monkeypatch):
    async def echo(arguments: Mapping[str, str], call: CallInfo, /) -> Mapping[str, object]:
        """Says back what it is told."""
        return {**arguments, "domain": call.domain, "n": 2.0, "yes": True, "none": None}

    class Point:
        name = "echo"

        def load(self) -> object:
            return echo

    monkeypatch.setattr("services.dialogue.actions.catalogue.entry_points", lambda group: [Point()])
    async with http_transport() as transport:
        actions = Actions(installed_actions(transport, declare(tmp_path, "actions: {}")))
    assert actions.of("shop")["echo"].description == "Says back what it is told."
    result = await actions.run(Action("echo", {"a": "b"}), CALL, "")
    assert result.values == {"a": "b", "domain": "clinic", "n": "2", "yes": "true"}
