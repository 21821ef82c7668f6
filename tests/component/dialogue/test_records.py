"""What a call leaves in the database, and what happens to calls whose process died."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fakes.postgres_server import postgres_server
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.events.v1.call_events_pb2 import CallCompleted

from mesh.database import database, migrate, sqlite_url, transaction
from mesh.outbox import Outbox
from services.dialogue import model
from services.dialogue.adapters.records import Recorder, StoredCall, recorder
from services.dialogue.adapters.recovery import Recovery
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.flow import installed_policy
from services.dialogue.policy import CallInfo, Outcome, State

INFO = model.SessionInfo(
    session_id="s1",
    tenant_id="acme",
    region="eu",
    correlation_id="corr",
    language="en-US",
    time_zone="UTC",
    domain="clinic",
    direction="inbound",
    phone="+15555550123",
)
POLICY = installed_policy()
END = model.Ended("appointment_booked", "Booked.", ("book_appointment",), (), 12.5, 2, 3)
HEARD = model.Heard(0, "My number is 555 0123 thanks", is_final=True, start=1.0, end=2.0, confidence=0.9)
UNDERSTOOD = model.Understanding(
    HEARD.text, "inform", 0.8, entities=(model.Entity("phone", "+15555550123", "555 0123", 13, 21, 0.9),)
)


@dataclass
class Store:
    """A database with a recorder."""

    engine: AsyncEngine
    recorder: Recorder

    async def rows(self, table: sa.Table) -> list[dict]:
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]

    async def events(self) -> list[str]:
        return [row["type"].rpartition(".")[2] for row in await self.rows(OUTBOX)]


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(tmp_path / "dialogue.db")
        else:
            url = stack.enter_context(postgres_server())
        await migrate(url, "services.dialogue")
        async with database(url) as engine, recorder(Outbox(engine, OUTBOX), "me") as made:
            yield Store(engine, made)


def state() -> State:
    call = CallInfo("clinic", "en-US", "UTC", datetime.now(UTC))
    return POLICY.start(call)[0]


async def make_call(store: Store, info: model.SessionInfo = INFO) -> StoredCall:
    call = StoredCall(store.recorder, info)
    await call.started(datetime.now(UTC))
    await call.turn("c1", HEARD, UNDERSTOOD)
    outcome = Outcome("AppointmentRequested", {"service": "cleaning", "nonsense": "x"}, 0.9)
    await call.delivered("a2", "Booked.", [outcome], state())
    return call


async def test_a_call_leaves_turns_events_and_one_outcome(store: Store):
    call = await make_call(store)
    await call.ended(END, state(), 0.2)
    assert await store.events() == [
        "CallStarted",
        "TranscriptionCompleted",
        "IntentDetected",
        "AppointmentRequested",
        "CallCompleted",
        "ConversationEnded",
    ]
    session = (await store.rows(SESSIONS))[0]
    assert (session["disposition"], session["tenant_id"], session["region"]) == ("appointment_booked", "acme", "eu")
    assert session["ended_at"] is not None


async def test_a_stored_transcript_is_redacted(store: Store):
    call = await make_call(store)
    await call.ended(END, None, None)
    caller = next(row for row in await store.rows(TURNS) if row["speaker"] == "caller")
    assert caller["text"] == "My number is [phone] thanks"


async def test_a_call_that_ends_twice_has_one_outcome(store: Store):
    call = await make_call(store)
    await call.ended(END, None, None)
    await call.ended(replace(END, disposition="caller_hung_up"), None, None)
    assert (await store.events()).count("CallCompleted") == 1
    assert (await store.rows(SESSIONS))[0]["disposition"] == "appointment_booked"


async def test_all_rows_say_tenant_region_correlation_and_language(store: Store):
    call = await make_call(store)
    await call.ended(END, None, None)
    for table in (SESSIONS, TURNS, OUTBOX):
        for row in await store.rows(table):
            assert (row["tenant_id"], row["region"], row["correlation_id"], row["language"]) == (
                "acme",
                "eu",
                "corr",
                "en-US",
            )


async def _lose(store: Store, session_id: str) -> None:
    """Let the session's lease have run out, as if its process had died an hour ago."""
    async with transaction(store.engine) as connection:
        await connection.execute(
            sa.update(SESSIONS)
            .where(SESSIONS.c.session_id == session_id)
            .values(instance="dead", renewed_at=datetime.now(UTC) - timedelta(hours=1))
        )


async def test_a_call_whose_process_died_gets_its_outcome_once(store: Store):
    await make_call(store)
    await asyncio.wait_for((await store.recorder.put(_nothing)), 10)
    await _lose(store, "s1")
    recoveries = [Recovery(store.engine, store.recorder, POLICY, 30) for _ in range(3)]
    closed = await asyncio.gather(*(recovery.recover() for recovery in recoveries))
    assert sum(closed) == 1
    assert (await store.events()).count("CallCompleted") == 1
    outcome = next(row for row in await store.rows(OUTBOX) if row["type"].endswith("CallCompleted"))
    event = CallCompleted.FromString(outcome["payload"])
    assert event.disposition == "caller_hung_up"
    assert event.context.correlation_id == "corr"


async def test_a_session_that_is_renewed_is_left_alone(store: Store):
    await make_call(store)
    await asyncio.wait_for((await store.recorder.put(_nothing)), 10)
    recovery = Recovery(store.engine, store.recorder, POLICY, 30)
    await recovery.renew()
    assert await recovery.recover() == 0
    assert "CallCompleted" not in await store.events()


async def _nothing(_: object) -> None:
    """A job that writes nothing: done when all before it are on disk."""
