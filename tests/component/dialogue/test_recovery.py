"""Calls whose process died get their one outcome; calls that live are left alone."""

from dataclasses import replace

import pytest
from fakes.call_store import INFO, POLICY, CallStore, looks, lose, make_call
from voicemesh.events.v1.call_events_pb2 import CallCompleted, ConversationEnded

from services.dialogue.adapters.records import stored_call
from services.dialogue.adapters.recovery import LOOKS, Recovery
from services.dialogue.adapters.store import OUTBOX, SESSIONS


def recovery(store: CallStore) -> Recovery:
    return Recovery(store.engine, store.recorder, POLICY, 30)


async def test_a_call_whose_process_died_gets_its_outcome_once(store: CallStore):
    await make_call(store)
    await lose(store)
    assert await looks(*(recovery(store) for _ in range(3))) == 1
    events = {row["type"].removeprefix("voicemesh.events.v1."): row for row in await store.rows(OUTBOX)}
    assert (await store.events()).count("CallCompleted") == 1
    completed = CallCompleted.FromString(events["CallCompleted"]["payload"])
    assert completed.disposition == "caller_hung_up"
    assert completed.context.correlation_id == "corr"
    ended = ConversationEnded.FromString(events["ConversationEnded"]["payload"])
    assert (ended.caller_turns, ended.agent_turns) == (1, 1)


async def test_a_session_that_is_held_is_renewed_and_left_alone(store: CallStore):
    with stored_call(store.recorder, INFO):
        await make_call(store)
        await lose(store)
        one = recovery(store)
        await one.renew()
        assert await looks(one) == 0
    assert "CallCompleted" not in await store.events()


async def test_a_session_of_an_earlier_process_of_the_same_name_is_not_renewed(store: CallStore):
    await make_call(store)  # of "me", and so are we
    await lose(store)
    one = recovery(store)
    await one.renew()
    assert await looks(one) == 1


async def test_after_an_outage_those_who_live_renew_first(store: CallStore):
    """Every lease ran out while the database was away; the first to be back closes nobody's session."""
    with stored_call(store.recorder, INFO):
        await make_call(store)
        await lose(store)
        first, holder = recovery(store), recovery(store)
        assert await looks(first, times=LOOKS - 1) == 0
        await holder.renew()
        assert await looks(first) == 0


async def test_a_lease_renewed_between_look_and_close_holds(store: CallStore, monkeypatch: pytest.MonkeyPatch):
    with stored_call(store.recorder, INFO):
        await make_call(store)
        await lose(store)
        one = recovery(store)
        await looks(one, times=LOOKS - 1)
        close = one._close

        async def renewed_first(row: dict) -> bool:
            await one.renew()
            return await close(row)

        monkeypatch.setattr(one, "_close", renewed_first)
        assert await one.recover() == 0
    assert "CallCompleted" not in await store.events()


@pytest.mark.parametrize("state", ["no JSON", '{"domain": "gone", "language": "en-US"}'])
async def test_a_state_nobody_can_read_costs_the_call_no_outcome(store: CallStore, state: str):
    await make_call(store)
    await make_call(store, replace(INFO, session_id="s2"))
    await lose(store, "s1", state=state)
    await lose(store, "s2")
    assert await looks(recovery(store)) == 2
    assert [row["disposition"] for row in await store.rows(SESSIONS)] == ["caller_hung_up"] * 2
