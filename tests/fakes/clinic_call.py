"""A call of the clinic on virtual time: its session, what its caller may say and mean, and how it is played."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes.conversation import PCM, Stage
from fakes.virtual_time import run

from services.dialogue import model
from services.dialogue.flow import installed_policy

POLICY = installed_policy()
DAY = datetime.now(UTC).date() + timedelta(days=7)
TUESDAY = (DAY + timedelta(days=(1 - DAY.weekday()) % 7)).isoformat()
INFO = model.SessionInfo(
    session_id="s1",
    tenant_id="default",
    region="local",
    correlation_id="c1",
    language="en-US",
    time_zone="UTC",
    domain="clinic",
    direction="inbound",
    input_audio=PCM,
    output_audio=PCM,
    acknowledges_playback=True,
)


def understood(text: str, intent: str, *entities: tuple[str, str], confidence: float = 0.95) -> model.Understanding:
    found = tuple(model.Entity(kind, value, value, 0, len(value), 0.95) for kind, value in entities)
    return model.Understanding(text, intent, confidence, entities=found)


TABLE = {
    heard.text: heard
    for heard in (
        understood("book", "book_appointment"),
        understood("I'd like a cleaning on", "book_appointment", ("service", "cleaning")),
        understood("I'd like a cleaning.", "book_appointment", ("service", "cleaning")),
        understood("I'd like a cleaning on Tuesday.", "book_appointment", ("service", "cleaning"), ("date", TUESDAY)),
        understood("on Tuesday.", "inform", ("date", TUESDAY)),
        understood("at ten", "inform", ("time", "10:00")),
        understood("Sarah Miller", "inform", ("person_name", "Sarah Miller")),
        understood("yes", "affirm"),
        understood("What are your hours?", "opening_hours"),
        understood("goodbye", "goodbye"),
        understood(
            "all of it", "book_appointment", ("service", "cleaning"), ("date", TUESDAY), ("time", "10:00"),
            ("person_name", "Sarah Miller"),
        ),
    )
}  # fmt: skip


def stage(**changes: Any) -> Stage:
    return Stage(changes.pop("info", INFO), changes.pop("policy", POLICY), TABLE, **changes)


def played(script: Callable[[Stage], Coroutine[Any, Any, None]], **changes: Any) -> Stage:
    """Run a conversation; the client hangs up when the script is over."""
    made = stage(**changes)

    async def whole(s: Stage) -> None:
        await script(s)
        s.client.put_nowait(model.EndSession())

    run(made.run(whole))
    return made


def outputs(s: Stage, kind: type) -> list[Any]:
    return [o for o in s.heard if isinstance(o, kind)]


def answers(s: Stage) -> list[str]:
    """What each agent's turn answered."""
    return [o.in_reply_to for o in outputs(s, model.AgentBegins)]


async def greeted(s: Stage) -> None:
    await s.plays(1)
    await asyncio.sleep(0.1)
