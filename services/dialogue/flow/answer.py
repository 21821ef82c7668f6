"""Answers to questions for values, and what is said between two tasks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from services.dialogue.flow.expect import awaited_slot, awaits_text, names_one_of, wanted_slots
from services.dialogue.flow.fill import CORRECTING, named_values, refusal, slot_from, take
from services.dialogue.flow.run import ask_again, await_answer, close, run, start
from services.dialogue.flow.schema import Ask
from services.dialogue.flow.tasks import begin
from services.dialogue.flow.turn import FEW_WORDS, WAIT_CHOICE, word_list
from services.dialogue.policy import Slot

if TYPE_CHECKING:
    from services.dialogue.flow.turn import Turn


def answer_choice(turn: Turn) -> bool:
    """One of several readings: named again, or told apart by a word only it has ("in the morning")."""
    if turn.state.mode != WAIT_CHOICE:
        return False
    slot, choices = turn.state.target, turn.state.choices
    named = [value for value in choices if value in named_values(turn, slot)]
    if len(named) != 1:
        named = _told_apart(turn, slot, choices)
    if len(named) != 1 or refusal(turn, slot, named[0]) is not None:
        return False
    turn.put(slot_from(turn, slot, named[0], turn.heard.entities))
    turn.wait_for("")
    run(turn)
    return True


def _told_apart(turn: Turn, slot: str, choices: tuple[str, ...]) -> list[str]:
    words = {value: set(word_list(turn.spoken_form(slot, value))) for value in choices}
    shared = set.intersection(*words.values()) if words else set()
    said = set(word_list(turn.heard.text))
    return [value for value in choices if said & (words[value] - shared)]


def answer_slot(turn: Turn) -> bool:
    """The value that was asked for, and whatever else was said with it."""
    if turn.frame is None:
        return False
    awaited = awaited_slot(turn)
    if awaits_text(turn) and _is_sentence(turn):
        take(turn, wanted_slots(turn), overwrite=False)
        turn.put(Slot(awaited, turn.heard.text.strip(), turn.heard.text, "text"))
    elif take(turn, wanted_slots(turn) if turn.intent else (awaited,) * bool(awaited), awaited):
        await_answer(turn)
        return True
    if turn.changed and (awaited in turn.changed or turn.state.mode != WAIT_CHOICE):
        if isinstance(turn.instruction, Ask) and (turn.state.mode or awaited not in turn.changed):
            turn.change_frame(asked=False)  # something else was mended: the whole question says so
        turn.wait_for("")
        run(turn)
    elif turn.changed or turn.same or (turn.flow is not None and turn.intent in turn.flow.intents):
        ask_again(turn)
    else:
        return _skip(turn)
    return True


def _is_sentence(turn: Turn) -> bool:
    """Whether the words can stand as a free answer: no bare yes or no, and no correction of another slot."""
    if turn.intent == "correct" and names_one_of(turn, wanted_slots(turn)):
        return False
    bare = turn.intent in {"affirm", "deny", "unsure", "greet", "thank"} and turn.word_count <= FEW_WORDS
    return bool(turn.heard.text.strip()) and not bare


def _skip(turn: Turn) -> bool:
    """ "No" or "I don't know" to a question that may stay unanswered."""
    step = turn.instruction
    if turn.intent not in {"deny", "unsure"} or turn.state.mode or not isinstance(step, Ask) or not step.optional:
        return False
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)
    turn.progressed = True
    run(turn)
    return True


def answer_between_tasks(turn: Turn) -> bool:
    """Answers to "anything else?": no ends the call, a correction mends the task that was finished last."""
    if turn.frame is not None:
        return False
    # A value makes clear enough what was said unclearly.
    unclear = turn.heard.intent if turn.heard.entities and not turn.heard.out_of_scope else ""
    intent = turn.intent or unclear
    if intent in CORRECTING and _mend(turn):
        return True
    if turn.intent == "deny" and turn.state.served:
        close(turn)
    elif _begin_suggested(turn, intent) or (intent == "inform" and _ask_on(turn)):
        pass
    elif turn.intent in {"affirm", "deny"} or (turn.intent == "inform" and remember(turn)):
        turn.phrase("options")
        await_answer(turn)
    else:
        return False
    return True


def _begin_suggested(turn: Turn, intent: str) -> bool:
    """A value that says what it is for without any other word: "a cleaning on Tuesday, please"."""
    suggested = [
        flow
        for flow in turn.script.flows.values()
        if intent in {"inform", *flow.intents} and names_one_of(turn, flow.suggested_by)
    ]
    if len(suggested) != 1:
        return False
    begin(turn, suggested[0].name, next(iter(suggested[0].intents), ""))
    return True


def _ask_on(turn: Turn) -> bool:
    """A value alone after an answer asks the same about it: "And on Friday?"."""
    intent = turn.state.served[-1] if turn.state.served else ""
    flow = turn.script.flows.get(turn.script.by_intent.get(intent, ""))
    if flow is None or not flow.information or not names_one_of(turn, flow.slots):
        return False
    begin(turn, flow.name, intent)
    return True


def _mend(turn: Turn) -> bool:
    """A correction after the task's end: the flow that mends it begins with the values known so far."""
    last = turn.script.flows.get(turn.state.last_flow)
    if last is None or not names_one_of(turn, last.slots):
        return False
    mending = turn.script.flows[last.after_correction or last.name]
    turn.set(spent=tuple(name for name in turn.state.spent if name not in mending.slots))
    start(turn, mending.name, intent=next(iter(mending.intents), ""))
    if take(turn, mending.slots):
        await_answer(turn)
    else:
        run(turn)
    return True


def remember(turn: Turn) -> bool:
    """Keep what is said before the task is known, for the task that comes."""
    types = {spec.type for spec in turn.script.slots.values()}
    # Their places belong to this turn's text, which the task will not see.
    new = tuple(
        dataclasses.replace(entity, start_char=0, end_char=0) for entity in turn.heard.entities if entity.type in types
    )
    said_again = {entity.type for entity in new}
    turn.set(offered=(*(entity for entity in turn.state.offered if entity.type not in said_again), *new))
    turn.progressed = turn.progressed or bool(new)
    return bool(new)
