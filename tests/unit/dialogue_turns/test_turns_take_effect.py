"""What follows from turns, on virtual time: outcomes, fillers, telephone keys - with the clinic's flows."""

import asyncio
from dataclasses import replace
from typing import Any

from fakes.clinic_call import INFO, POLICY, answers, greeted, outputs, played
from fakes.conversation import Stage

from services.dialogue import model
from services.dialogue.policy import Outcome, Reply, State

# Consequences.


class _Booked:
    """Answers everything with a booking, told in the first of two sentences."""

    reply = Reply(
        ("It is booked for Tuesday.", "Is there anything else that I can do for you today?"),
        outcomes=(Outcome("AppointmentRequested", {"service": "cleaning"}),),
        effective_after=1,
    )

    def __getattr__(self, name: str) -> Any:
        return getattr(POLICY, name)

    def respond(self, state: State, understanding: model.Understanding, call: Any) -> tuple[State, Reply]:
        return replace(state, turns=state.turns + 1), self.reply


def test_outcomes_take_effect_once_their_sentence_was_heard_and_then_the_caller_may_interrupt():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("yes", 5.5)
        await s.until(model.AgentEnded, 2)
        await asyncio.sleep(1.2)
        s.client.put_nowait(model.Playback("a2", 1.1, finished=False))
        await asyncio.sleep(0.01)
        assert s.record.events() == [], "five words take a second and a quarter"
        s.client.put_nowait(model.Playback("a2", 1.3, finished=False))
        await asyncio.sleep(0.01)
        assert s.record.events() == ["AppointmentRequested"]
        s.recognition_link.begins(7.0, "What are")
        await asyncio.sleep(0.01)
        s.recognition_link.ends("What are your hours?", 8.0, start=7.0)
        await s.plays_turn("a3")

    s = played(script, policy=_Booked())
    assert [o.turn_id for o in outputs(s, model.AgentEnded) if o.interrupted] == ["a2"]
    assert s.record.events() == ["AppointmentRequested", "AppointmentRequested"]


def test_what_is_said_in_the_goodbye_is_taken_down():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("goodbye", 5.5)
        await s.until(model.AgentAudio, 2)
        await asyncio.sleep(2)
        s.recognition_link.begins(8.0)
        s.recognition_link.ends("at ten", 8.5, start=8.0)
        await asyncio.sleep(0.1)
        assert ("turn", "c2", "at ten", "") in s.record.log
        await s.plays(2)

    s = played(script)
    assert s.record.log[-1][0] == "ended"


def test_turns_that_wait_for_the_agent_are_taken_down_though_the_call_ends():
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        s.recognition_link.begins(0.4)
        s.recognition_link.ends("at ten", 1.5, start=0.4)
        await asyncio.sleep(0.1)

    s = played(script, info=replace(INFO, no_barge_in=True))
    assert ("turn", "c1", "at ten", "") in s.record.log


# Fillers.


def test_a_late_answer_is_preceded_by_a_filler_that_is_not_repeated():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.understander_link.delay_s = 3.0
        for number, (words, place) in enumerate([("I'd like a cleaning.", 5.0), ("on Tuesday.", 20.0)]):
            s.recognition_link.begins(place)
            s.recognition_link.ends(words, place + 1, start=place)
            await s.plays(2 + 2 * number)
            await s.plays(3 + 2 * number)
            await asyncio.sleep(2)

    s = played(script)
    texts = [o.text for o in outputs(s, model.AgentBegins)]
    assert answers(s) == ["", "c1", "c1", "c2", "c2"]
    fillers = [texts[1], texts[3]]
    assert len(set(fillers)) == 2
    assert set(fillers) <= set(s.habits.of("clinic", "en-US").fillers)
    assert [e[1] for e in s.record.log if e[0] == "took_effect"] == ["a1", "a3", "a5"], "a filler changes nothing"


# Telephone keys.


def test_keys_gather_until_the_hash_or_a_pause():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("I'd like a cleaning on Tuesday.", 6.0, start=5.0)
        await s.plays(2)
        for key in "10":
            s.client.put_nowait(model.CallerKeys(key))
            await asyncio.sleep(0.5)
        s.client.put_nowait(model.CallerKeys("30#"))
        await s.plays(3)

    s = played(script)
    last = outputs(s, model.Understood)[-1]
    assert {slot.name: slot.value for slot in last.slots}["time"] == "10:30"
    assert [e[2] for e in s.record.log if e[0] == "turn"] == ["I'd like a cleaning on Tuesday.", "1030"]


def test_one_key_answers_a_question_for_yes_or_no():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("all of it", 6.0, start=5.0)
        await s.plays(2)
        s.client.put_nowait(model.CallerKeys("1"))
        await s.plays(3)

    s = played(script)
    assert s.record.events() == ["AppointmentRequested"]


def test_a_pause_ends_an_answer_in_keys():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.client.put_nowait(model.CallerKeys("12"))
        await asyncio.sleep(1.9)
        assert not outputs(s, model.Transcribed)
        await asyncio.sleep(0.2)
        assert [o.heard.text for o in outputs(s, model.Transcribed)] == ["12"]

    played(script)
