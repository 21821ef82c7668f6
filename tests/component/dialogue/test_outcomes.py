"""What a call came to: in the database, in the event, and for the client of a typed call through the whole mesh."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fakes.call_store import END, INFO, POLICY, CallStore, make_call, state
from fakes.whole_mesh import whole_mesh
from voicemesh.events.v1.call_events_pb2 import CallCompleted

import voicemesh_client as sdk
from mesh.database import transaction
from services.dialogue import model
from services.dialogue.adapters.outcomes import stored_outcome
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.records import StoredCall
from services.dialogue.adapters.recovery import LOOKS, Recovery
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.dispositions.model import Appointment, Mood
from services.dialogue.policy import Commitment, Entity, NextStep, Outcome, Slot, State

PROMISE = model.Heard(1, "I'll call Sarah Miller tomorrow.", is_final=True, start=5.0, end=6.0)
PROMISED = model.Understanding(
    PROMISE.text,
    "inform",
    0.8,
    entities=(
        Entity("person_name", "Sarah Miller", "Sarah Miller", 10, 22),
        Entity("date", "2026-11-21", "tomorrow", 23, 31),
    ),
    sentiment=0.25,
)
VISIT = NextStep("the visit of Sarah", "caller", "2026-11-25")


async def outgoing(store: CallStore) -> CallCompleted:
    row = next(row for row in await store.rows(OUTBOX) if row["type"].endswith("CallCompleted"))
    return CallCompleted.FromString(row["payload"])


async def promising_call(store: CallStore) -> tuple[StoredCall, State]:
    """A call whose caller promises something, and whose appointment was asked for, then moved."""
    call = await make_call(store)
    told = replace(
        state(),
        slots=(Slot("name", "Sarah Miller", type="person_name"),),
        commitments=(Commitment("agent", "keep Sarah Miller's chair free", "2026-11-25"),),
        next_step=VISIT,
    )
    await call.turn("c2", PROMISE, PROMISED)
    fields = {"date": "2026-11-25", "time": "10:00", "time_zone": "UTC"}
    await call.took_effect("a3", [Outcome("AppointmentRescheduled", fields, 0.9)], told)
    return call, told


async def test_the_outcome_is_stored_published_and_returned(store: CallStore):
    call, told = await promising_call(store)
    end = await call.ended(END, told, 0.2)
    outcome = end.outcome
    assert outcome is not None
    assert outcome.appointment == Appointment("rescheduled", "cleaning", "2026-11-25", "10:00", "UTC")
    assert outcome.commitments == (
        Commitment("caller", "I'll call [person_name] tomorrow", "2026-11-21", "c2", 5.0),
        Commitment("agent", "keep [person_name]'s chair free", "2026-11-25"),
    )
    assert outcome.next_step == NextStep("the visit of [person_name]", "caller", "2026-11-25")
    assert outcome.sentiments == (Mood("c2", 5.0, 0.25),)
    assert outcome.wishes == ()
    assert [(entity.type, entity.value) for entity in outcome.entities] == [
        ("phone", ""),
        ("person_name", ""),
        ("date", "2026-11-21"),
    ]
    assert end.summary == "Booked. Next: the visit of [person_name] (Wednesday, November 25th)."
    row = (await store.rows(SESSIONS))[0]
    assert stored_outcome(row["outcome"]) == outcome
    assert row["summary"] == end.summary
    event = await outgoing(store)
    assert event.summary == end.summary
    assert [one.words for one in event.outcome.commitments] == [one.words for one in outcome.commitments]
    assert event.outcome.appointment.service == "cleaning"


async def test_nothing_personal_is_stored_with_the_turns(store: CallStore):
    await promising_call(store)
    await store.written()
    kept = repr([(row["entities"], row["commitments"]) for row in await store.rows(TURNS)])
    for secret in ("Sarah", "Miller", "555"):
        assert secret not in kept


async def test_a_call_whose_process_died_keeps_what_was_agreed(store: CallStore):
    await promising_call(store)
    await store.written()
    async with transaction(store.engine) as connection:
        hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        await connection.execute(sa.update(SESSIONS).values(renewed_at=hour_ago))
    recovery = Recovery(store.engine, store.recorder, POLICY, 30)
    assert sum([await recovery.recover() for _ in range(LOOKS)]) == 1
    event = await outgoing(store)
    assert [(one.words, one.due) for one in event.outcome.commitments] == [
        ("I'll call [person_name] tomorrow", "2026-11-21"),
        ("keep [person_name]'s chair free", "2026-11-25"),
    ]
    assert event.outcome.next_step.due == "2026-11-25"


async def test_rows_of_an_earlier_version_have_an_outcome_all_the_same(store: CallStore):
    call = await make_call(store)
    await store.written()
    async with transaction(store.engine) as connection:
        await connection.execute(sa.update(TURNS).values(sentiment=None, entities=None, commitments=None))
    end = await call.ended(END, None, None)
    assert end.outcome is not None
    assert end.outcome.entities == ()


class Novelist:
    """A summariser that is plugged in."""

    async def summarise(self, end: model.Ended, language: str) -> str:
        assert end.outcome is not None
        return f"{language}: {len(end.outcome.entities)} things were named. It was good."


async def test_a_summariser_that_is_plugged_in_writes_the_summary(store: CallStore):
    async with recorder(store.recorder.outbox, "other", summariser=Novelist()) as made:
        call = await make_call(CallStore(store.engine, made), replace(INFO, session_id="s2"))
        end = await call.ended(END, None, None)
    assert end.summary == "en-US: 1 things were named. It was good."
    assert (await outgoing(store)).summary == end.summary


LINES = (
    "I'd like a cleaning on Tuesday at ten in the morning.",
    "My name is Sarah Miller.",
    "Yes, that's right.",
    "I'll call you back tomorrow.",
)


async def test_a_typed_call_tells_its_client_what_was_agreed(tmp_path: Path):
    lines = iter(LINES)
    async with whole_mesh(tmp_path) as mesh, sdk.connect(mesh.dialogue) as client:
        session = client.session("clinic", language="en-US", time_zone="America/New_York")
        async with session:
            async for event in session:
                if isinstance(event, sdk.AgentTurnEnded):
                    line = next(lines, None)
                    await (session.end("done") if line is None else session.send_text(line))
        assert session.ended is not None
        told = session.ended.disposition
        found = await client.get_session(session.session_id, correlation_id="typed")
    outcome = told.outcome
    assert outcome is not None
    assert outcome.appointment is not None
    day = outcome.appointment.date
    assert dt.date.fromisoformat(day).strftime("%A") == "Tuesday"
    assert outcome.appointment == sdk.Appointment(
        state="requested", service="cleaning", date=day, time="10:00", time_zone="America/New_York"
    )
    assert outcome.next_step == sdk.NextStep(what="the visit", by="caller", due=f"{day}T10:00")
    said, kept = outcome.commitments
    assert (said.by, said.words) == ("caller", "I'll call you back tomorrow")
    assert dt.date.fromisoformat(said.due) > dt.datetime.now(ZoneInfo("America/New_York")).date()
    assert (kept.by, kept.words, kept.due) == ("agent", "keep the chair free", f"{day}T10:00")
    assert [mood.at for mood in outcome.sentiments] == sorted(mood.at for mood in outcome.sentiments)
    assert len(outcome.sentiments) == len(LINES)
    assert outcome.wishes[0] == "book_appointment"
    assert told.summary.endswith("10 in the morning).")
    assert found.disposition is not None
    assert found.disposition.outcome == outcome
