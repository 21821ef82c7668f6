"""Actions on virtual time: look-ups early and in vain, effects late and once."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from fakes.clinic_call import INFO, POLICY, greeted, outputs, played
from fakes.conversation import Stage

from services.dialogue import model
from services.dialogue.actions import ActionCatalogue, Actions, ActionSpec
from services.dialogue.policy import Action, ActionResult, CallInfo, Outcome, Reply, State

FREE = Action("free", {"day": "Tuesday"})
BOOK = Action("book", {"day": "Tuesday"}, effect=True)
EVENT = Outcome("AppointmentRequested", {"service": "cleaning"})


class Calendar:
    """Remembers who asked what; answers after a while."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.begun: list[tuple[str, str]] = []
        self.finished: list[str] = []

    def spec(self, name: str, **known: Any) -> ActionSpec:
        async def act(arguments: Mapping[str, str], call: CallInfo, /) -> Mapping[str, str]:
            self.begun.append((name, call.action_key))
            await asyncio.sleep(self.delay_s)
            self.finished.append(name)
            return {"day": arguments["day"]}

        return ActionSpec(name, act, **known)

    def actions(self, **known: Any) -> Actions:
        return Actions(ActionCatalogue([self.spec("free", **known), self.spec("book", effect=True, **known)]), 5.0)


class Scripted:
    """Answers every turn with `first` and goes on with what `then` makes of each result."""

    def __init__(self, first: Reply, then: Callable[[ActionResult], Reply]) -> None:
        self.first, self.then = first, then
        self.results: list[ActionResult] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(POLICY, name)

    def respond(self, state: State, understanding: model.Understanding, call: Any) -> tuple[State, Reply]:
        return replace(state, turns=state.turns + 1), self.first

    def on_action(self, state: State, result: ActionResult, call: Any) -> tuple[State, Reply]:
        self.results.append(result)
        return replace(state, stalls=state.stalls + 1), self.then(result)


def told(result: ActionResult) -> Reply:
    return Reply((f"It failed: {result.error}." if result.error else f"It is {result.values['day']}.",))


def turns(s: Stage) -> dict[str, model.AgentBegins]:
    """The agent's turns; one that grew, as it was told last."""
    return {o.turn_id: o for o in outputs(s, model.AgentBegins)}


def texts(s: Stage) -> list[str]:
    """What the agent said after the greeting."""
    return [turn.text for turn in turns(s).values()][1:]


def answers(s: Stage) -> list[str]:
    """What each of the agent's turns answered."""
    return [turn.in_reply_to for turn in turns(s).values()]


async def says(s: Stage, text: str, start: float, end: float) -> None:
    s.recognition_link.begins(start)
    s.recognition_link.ends(text, end, start=start)
    await asyncio.sleep(0.01)


# Look-ups.


def test_a_lookup_is_done_while_the_answer_is_prepared_and_its_reply_goes_on_in_the_same_turn():
    calendar, policy = Calendar(0.1), Scripted(Reply(("Let me see.",), action=FREE), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("yes", 5.5)
        await asyncio.sleep(0.05)
        assert calendar.begun == [("free", "")], "what changes nothing has no key, and is done early"
        assert s.recognition_link.finalized, "the turn's end does not wait for the calendar"
        await asyncio.sleep(0.1)
        s.recognition_link.ends("yes", 5.5, start=5.0)
        ended = await s.until(model.AgentEnded, 2)
        assert isinstance(ended, model.AgentEnded)
        assert ended.latency is not None
        assert ended.latency.prepared
        await s.plays(2)

    s = played(script, policy=policy, actions=calendar.actions())
    assert texts(s) == ["Let me see. It is Tuesday."]
    assert len(s.recognition_link.finalized) == 1


def test_a_lookup_of_words_that_the_caller_goes_on_with_is_broken_off():
    calendar, policy = Calendar(3.0), Scripted(Reply((), action=FREE), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.2)
        s.recognition_link.goes_on(6.4)
        await asyncio.sleep(5)
        assert calendar.begun == [("free", "")]
        assert calendar.finished == []
        assert policy.results == []
        assert texts(s) == []

    played(script, policy=policy, actions=calendar.actions())


@pytest.mark.parametrize(("filler", "said"), [("Looking that up.", "Looking that up."), ("", None)])
def test_a_slow_lookup_is_covered_by_its_filler(filler: str, said: str | None):
    calendar, policy = Calendar(3.0), Scripted(Reply((), action=replace(FREE, filler=filler)), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.plays(2)
        await s.plays(3)

    s = played(script, policy=policy, actions=calendar.actions())
    assert texts(s)[0] in ([said] if said else s.habits.of("clinic", "en-US").fillers)
    assert texts(s)[1:] == ["It is Tuesday."]
    assert answers(s) == ["", "c1", "c1"]


@pytest.mark.parametrize(
    ("action", "known", "error"),
    [
        (replace(FREE, timeout=1.5), {}, "it took longer than 1.5 s"),
        (FREE, {"timeout": 2.5}, "it took longer than 2.5 s"),
        (FREE, {}, "it took longer than 5 s"),
        (Action("fly"), {}, "domain 'clinic' has no action 'fly'; see docs/actions.md"),
        (Action("free"), {}, "it raised KeyError"),
    ],
)
def test_an_action_that_fails_is_the_policys_to_answer(action: Action, known: dict[str, float], error: str):
    calendar, policy = Calendar(60.0 if "day" in action.arguments else 0.0), Scripted(Reply((), action=action), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        while not policy.results:
            await asyncio.sleep(0.1)

    played(script, policy=policy, actions=calendar.actions(**known))
    assert [result.error for result in policy.results] == [error]


def test_actions_without_end_are_stopped():
    calendar = Calendar()
    policy = Scripted(Reply((), action=FREE), lambda result: Reply(("More.",), action=FREE))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.plays(2)

    s = played(script, policy=policy, actions=calendar.actions())
    assert len(calendar.begun) == 8
    assert "8 actions in a row" in policy.results[-1].error
    assert texts(s) == [" ".join(["More."] * 9)]


def test_what_comes_before_a_lookup_is_said_while_it_is_done():
    calendar, policy = Calendar(1.5), Scripted(Reply(("Let me see.",), action=FREE), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await asyncio.sleep(0.1)
        assert [o.text for o in outputs(s, model.AgentBegins)][1:] == ["Let me see."]
        assert [o.turn_id for o in outputs(s, model.AgentAudio)].count("a2") == 1
        await s.plays(2)

    s = played(script, policy=policy, actions=calendar.actions())
    assert texts(s) == ["Let me see. It is Tuesday."]
    assert ("spoke", "a2", "Let me see. It is Tuesday.") in s.record.log


def test_a_slow_lookups_filler_follows_what_was_said_before_it():
    calendar = Calendar(4.0)
    policy = Scripted(Reply(("Let me see.",), action=replace(FREE, filler="Still looking.")), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await asyncio.sleep(3)
        assert [o.text for o in outputs(s, model.AgentBegins)][1:] == ["Let me see."]
        assert [o.turn_id for o in outputs(s, model.AgentAudio)].count("a2") == 2
        await s.plays(2)

    s = played(script, policy=policy, actions=calendar.actions())
    assert texts(s) == ["Let me see. Still looking. It is Tuesday."]
    assert calendar.begun == [("free", "")]


def test_a_caller_who_talks_over_what_comes_before_a_lookup_breaks_it_off():
    calendar, policy = Calendar(3.0), Scripted(Reply(("Let me see.",), action=FREE), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.until(model.AgentAudio, 2)
        await asyncio.sleep(1.5)
        s.client.put_nowait(model.Playback("a2", 0.75, finished=False))
        policy.first = Reply(("As you like.",))
        s.recognition_link.begins(7.5, "What are your hours?")
        s.recognition_link.ends("What are your hours?", 8.5, start=7.5)
        await s.plays_turn("a3")

    s = played(script, policy=policy, actions=calendar.actions())
    assert calendar.finished == []
    assert texts(s) == ["Let me see.", "As you like."]
    assert ("spoke", "a2", "Let me see.") in s.record.log


# Effects.

BOOKING = Reply(("I'll book Tuesday for you now.",), action=BOOK)
"""Six words: a second and a half."""


def test_an_effect_waits_until_the_sentences_before_it_were_heard():
    calendar, policy = Calendar(0.5), Scripted(BOOKING, lambda result: replace(told(result), outcomes=(EVENT,)))

    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("yes", 5.5)
        await asyncio.sleep(0.3)
        assert calendar.begun == [], "not for a turn that is only guessed"
        s.recognition_link.ends("yes", 5.5, start=5.0)
        await s.until(model.AgentEnded, 2)
        await asyncio.sleep(1.4)
        assert calendar.begun == []
        s.client.put_nowait(model.Playback("a2", 1.5, finished=True))
        await asyncio.sleep(0.01)
        assert calendar.begun == [("book", "s1:c1:book:0")]
        await s.plays_turn("a3")

    s = played(script, policy=policy, actions=calendar.actions())
    assert texts(s) == ["I'll book Tuesday for you now.", "It is Tuesday."]
    assert answers(s) == ["", "c1", "c1"]
    assert s.record.events() == ["AppointmentRequested"]
    assert len(calendar.begun) == 1


def test_an_action_that_says_it_changes_something_is_never_done_early():
    calendar, policy = Calendar(), Scripted(Reply(("One moment.",), action=replace(BOOK, effect=False)), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("yes", 5.5)
        await asyncio.sleep(0.5)
        s.recognition_link.goes_on(6.0)
        await asyncio.sleep(2)

    played(script, policy=policy, actions=calendar.actions())
    assert calendar.begun == []


def test_a_caller_who_talks_over_the_sentences_before_an_effect_stops_it():
    calendar, policy = Calendar(), Scripted(BOOKING, told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.until(model.AgentAudio, 2)
        await asyncio.sleep(1.2)
        policy.first = Reply(("As you like.",))
        s.recognition_link.begins(7.5, "What are your hours?")
        s.recognition_link.ends("What are your hours?", 8.5, start=7.5)
        await s.plays_turn("a3")

    s = played(script, policy=policy, actions=calendar.actions())
    assert calendar.begun == []
    assert texts(s)[-1] == "As you like."


def test_words_that_follow_at_once_take_an_effect_back_though_nothing_was_to_be_heard_before_it():
    calendar, policy = Calendar(), Scripted(Reply((), action=BOOK), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "I'd like a cleaning.", 5.0, 6.0)
        await s.until(model.AgentEnded, 2)
        await asyncio.sleep(0.3)
        assert calendar.begun == []
        policy.first = Reply(("Which day?",))
        s.recognition_link.begins(6.5)
        await asyncio.sleep(0.5)
        s.recognition_link.ends("on Tuesday.", 7.0, start=6.5)
        await s.plays_turn("a3")

    s = played(script, policy=policy, actions=calendar.actions())
    assert calendar.begun == []
    assert s.understander_link.asked[-1] == "I'd like a cleaning on Tuesday."
    assert answers(s)[-1] == "c1"


def test_an_effect_with_no_sentence_before_it_is_done_once_the_turn_stands():
    calendar, policy = Calendar(), Scripted(Reply((), action=BOOK), told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.until(model.AgentEnded, 2)
        await asyncio.sleep(0.9)
        assert calendar.begun == []
        await asyncio.sleep(0.2)
        assert calendar.begun == [("book", "s1:c1:book:0")]
        await s.plays_turn("a3")

    assert texts(played(script, policy=policy, actions=calendar.actions())) == ["", "It is Tuesday."]


def test_what_the_caller_says_while_something_is_done_is_answered_afterwards():
    calendar, policy = Calendar(3.0), Scripted(BOOKING, told)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.plays_turn("a2")
        policy.first = Reply(("From nine to five.",))
        s.recognition_link.begins(9.0)
        s.recognition_link.pauses("What are your hours?", 9.4, start=9.0)
        s.recognition_link.ends("What are your hours?", 9.5, start=9.0)
        await asyncio.sleep(0.5)
        assert s.understander_link.asked == ["yes"], "nothing is prepared on a state that will change"
        await s.plays_turn("a3")
        await s.plays_turn("a4")
        await s.plays_turn("a5")

    s = played(script, policy=policy, actions=calendar.actions())
    assert answers(s) == ["", "c1", "c1", "c1", "c2"]
    assert texts(s)[2:] == ["It is Tuesday.", "From nine to five."]
    assert calendar.begun == [("book", "s1:c1:book:0")]


def test_effects_in_a_row_have_keys_of_their_own():
    calendar = Calendar()

    def twice(result: ActionResult) -> Reply:
        return replace(BOOKING, sentences=("And once more.",)) if len(policy.results) == 1 else told(result)

    policy = Scripted(BOOKING, twice)

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        for turn in ("a2", "a3", "a4"):
            await s.plays_turn(turn)

    played(script, policy=policy, actions=calendar.actions())
    assert [key for _, key in calendar.begun] == ["s1:c1:book:0", "s1:c1:book:1"]


def test_a_caller_who_hangs_up_meanwhile_does_not_break_an_effect_off():
    calendar, policy = Calendar(2.0), Scripted(BOOKING, lambda result: replace(told(result), outcomes=(EVENT,)))

    async def script(s: Stage) -> None:
        await greeted(s)
        await says(s, "yes", 5.0, 5.5)
        await s.plays_turn("a2")

    s = played(script, policy=policy, actions=calendar.actions())
    assert calendar.finished == ["book"]
    assert texts(s) == ["I'll book Tuesday for you now."]
    assert s.record.events() == ["AppointmentRequested"], "it was done: the business is told"
    assert s.record.log[-1][0] == "ended"


def test_an_action_of_a_greeting_is_done_after_it():
    calendar = Calendar()

    class Outbound(Scripted):
        def start(self, call: Any) -> tuple[State, Reply]:
            state, _ = POLICY.start(call)
            return state, Reply(("Hello.",), action=FREE)

    async def script(s: Stage) -> None:
        await s.plays_turn("a1")
        await s.plays_turn("a2")

    s = played(script, policy=Outbound(Reply(()), told), actions=calendar.actions())
    assert texts(s) == ["It is Tuesday."]


def test_a_typed_turn_has_its_effect_at_once():
    calendar, policy = Calendar(), Scripted(Reply((), action=BOOK), told)

    async def script(s: Stage) -> None:
        await s.until(model.AgentEnded, 1)
        s.client.put_nowait(model.CallerText("yes"))
        await s.until(model.AgentEnded, 3)

    info = replace(INFO, input_audio=None, output_audio=None)
    s = played(script, policy=policy, actions=calendar.actions(), info=info)
    assert [key for _, key in calendar.begun] == ["s1:c1:book:0"]
    assert texts(s) == ["", "It is Tuesday."]
