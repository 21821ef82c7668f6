"""What a call leaves in the database, whatever the database does meanwhile."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fakes.call_store import END, HEARD, INFO, UNDERSTOOD, CallStore, make_call, state
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested

from mesh.errors import MeshError
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.records import StoredCall
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.policy import Slot


async def test_a_call_leaves_turns_events_and_one_outcome(store: CallStore):
    call = await make_call(store)
    await call.ended(END, state(), 0.2)
    assert await store.events() == [
        "CallStarted",
        "TranscriptionCompleted",
        "IntentDetected",
        "AppointmentRequested",
        "CallCompleted",
        "v2.CallCompleted",
        "ConversationEnded",
    ]
    session = (await store.rows(SESSIONS))[0]
    assert (session["disposition"], session["tenant_id"], session["region"]) == ("appointment_booked", "acme", "eu")
    assert session["ended_at"] is not None
    assert session["state"] is None, "what the caller told is kept no longer than it is needed"


async def test_what_was_asked_for_says_in_which_of_the_callers_turns_and_where(store: CallStore):
    call = await make_call(store)
    await call.written()
    (payload,) = [row["payload"] for row in await store.rows(OUTBOX) if row["type"].endswith(".AppointmentRequested")]
    context = AppointmentRequested.FromString(bytes(payload)).context
    assert context.turn_id == "c1"
    assert context.HasField("audio_offset")


async def test_a_stored_transcript_is_redacted(store: CallStore):
    call = await make_call(store)
    told = replace(state(), slots=(Slot("name", "Sarah Miller", type="person_name"),))
    await call.took_effect("a3", [], told)
    await call.spoke("a3", "Thank you, Sarah.", told)
    await call.ended(END, None, None)
    texts = {row["turn_id"]: row["text"] for row in await store.rows(TURNS)}
    assert texts["c1"] == "My number is [phone] thanks"
    assert texts["a3"] == "Thank you, [person_name]."


async def test_a_card_that_is_told_in_groups_is_not_stored_and_what_comes_after_is(store: CallStore):
    call = await make_call(store)
    said = ["four one one one", "one one one one", "at ten thirty", "My name is Walker", "no, Walker with a k"]
    asked = ["What is your card number?", "Go on.", "And when shall we come?", "Who is calling?", "Walter?"]
    for place, (question, answer) in enumerate(zip(asked, said, strict=True), 5):
        await call.spoke(f"a{place}", question, state())
        await call.turn(f"c{place}", replace(HEARD, text=answer), replace(UNDERSTOOD, entities=()))
    await call.written()
    texts = {row["turn_id"]: row["text"] for row in await store.rows(TURNS)}
    assert [texts[f"c{place}"] for place in range(5, 10)] == [
        "[card]",
        "[card]",
        "at ten thirty",
        "My name is [person_name]",
        "no, [person_name] with a k",
    ]


async def test_a_call_that_ends_twice_has_one_outcome(store: CallStore):
    call = await make_call(store)
    await call.ended(END, None, None)
    await call.ended(replace(END, disposition="caller_hung_up"), None, None)
    assert (await store.events()).count("CallCompleted") == 1
    assert (await store.rows(SESSIONS))[0]["disposition"] == "appointment_booked"


async def test_all_rows_say_tenant_region_correlation_and_language(store: CallStore):
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


async def test_what_is_written_again_changes_nothing(store: CallStore):
    """A commit whose answer was lost is tried again."""
    call = await make_call(store)
    await make_call(store)
    await call.ended(END, None, None)
    assert len(await store.rows(SESSIONS)) == 1
    assert len(await store.rows(TURNS)) == 2
    assert len(await store.events()) == 7


async def _nobody_s_turn(connection: AsyncConnection) -> None:
    await connection.execute(sa.insert(TURNS).values(session_id="s3", turn_id="c1"))


async def test_a_record_that_cannot_be_written_costs_the_others_nothing(store: CallStore):
    """Several in one transaction: an event that is none, a row that lacks columns, and a good call."""
    bad_event = StoredCall(store.recorder, replace(INFO, session_id="s2", region="No Region"))
    await bad_event.started(datetime.now(UTC))
    bad_row = await store.recorder.put("s3", _nobody_s_turn)
    call = await make_call(store)
    await call.ended(END, None, None)
    with pytest.raises(IntegrityError):
        await bad_row
    assert [row["session_id"] for row in await store.rows(SESSIONS)] == ["s1"]
    assert len(await store.rows(TURNS)) == 2
    assert (await store.events()).count("CallCompleted") == 1


class FlakyOutbox(Outbox):
    """An outbox whose database is away for its first transactions."""

    failures = 3

    def transaction(self):
        if self.failures:
            self.failures -= 1
            raise OperationalError("connect", {}, ConnectionRefusedError("nobody there"))
        return super().transaction()


async def test_a_database_that_is_away_is_waited_for(store: CallStore):
    outbox = FlakyOutbox(store.engine, OUTBOX)
    async with recorder(outbox, "me") as made:
        call = await make_call(CallStore(store.engine, made))
        await call.ended(END, None, None)
    assert outbox.failures == 0
    assert (await store.events())[-3:] == ["CallCompleted", "v2.CallCompleted", "ConversationEnded"]


async def test_closing_writes_what_waits_and_takes_nothing_more(store: CallStore):
    async with recorder(Outbox(store.engine, OUTBOX), "me") as made:
        other = CallStore(store.engine, made)
        for number in range(150):  # several transactions
            await make_call(other, replace(INFO, session_id=f"many-{number}"))
    assert len(await store.rows(SESSIONS)) == 150
    with pytest.raises(MeshError, match="SHUTTING_DOWN"):
        await StoredCall(made, INFO).turn("c9", HEARD, UNDERSTOOD)


async def test_an_end_that_is_cut_off_is_written_all_the_same(store: CallStore):
    call = await make_call(store)
    async with asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(call.ended(END, None, None))
        await asyncio.sleep(0)
        ending.cancel()
    await store.written()
    assert (await store.events()).count("CallCompleted") == 1


async def test_a_database_that_stays_away_is_not_waited_for_at_the_end(store: CallStore):
    outbox = FlakyOutbox(store.engine, OUTBOX)
    outbox.failures = 1_000_000
    async with recorder(outbox, "me", close_within_s=0.2) as made:
        made.live.add("s9")
        await StoredCall(made, INFO).turn("c9", HEARD, UNDERSTOOD)
    assert await store.rows(TURNS) == []
    with pytest.raises(MeshError, match="SHUTTING_DOWN"):
        await StoredCall(made, INFO).turn("c10", HEARD, UNDERSTOOD)
