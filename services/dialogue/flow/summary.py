"""Answers to a summary: yes, no, and what is wrong with it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from services.dialogue.flow.expect import summary_step, wanted_slots
from services.dialogue.flow.fill import CORRECTING, take
from services.dialogue.flow.run import ask_again, ask_slot, await_answer, close, run
from services.dialogue.flow.schema import Confirm
from services.dialogue.flow.tasks import changes_subject, drop_task
from services.dialogue.flow.turn import WAIT_DETAIL, WAIT_LEAVE, WAIT_SWITCH, word_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.turn import Turn


def answer_summary(turn: Turn) -> bool:
    """Yes goes on, no asks what is wrong, and a value is a correction, however it is put."""
    step = summary_step(turn)
    if step is None or changes_subject(turn):
        return False
    return _take_correction(turn, (*step.slots, *step.also)) or _yes_or_no(turn, step)


def answer_detail(turn: Turn) -> bool:
    """What is wrong: a value, the name of one, or nothing at all."""
    if turn.state.mode != WAIT_DETAIL or changes_subject(turn):
        return False
    step = turn.instruction
    names = (*step.slots, *step.also) if isinstance(step, Confirm) else _filled(turn)
    if _take_correction(turn, names) or _ask_for_named(turn, names):
        return True
    if turn.same or (turn.intent == "deny" and not isinstance(step, Confirm)):
        turn.wait_for("")
        ask_again(turn)
        return True
    if turn.intent == "deny":  # no to the summary, and no change wanted: no to the task
        drop_task(turn)
        return True
    return False


def object_to(turn: Turn) -> bool:
    """ "No, that's wrong" to what a question said in passing."""
    if turn.frame is None or turn.intent not in CORRECTING or turn.state.mode in {WAIT_DETAIL, WAIT_SWITCH}:
        return False
    names = _filled(turn)
    if not names or (turn.intent == "deny" and not _mentioned(turn, names)):
        return False  # "no" alone objects only to what was said: it may mean "I don't know"
    if not _ask_for_named(turn, names):
        turn.wait_for(WAIT_DETAIL)
        ask_again(turn)
    return True


def _take_correction(turn: Turn, first: Iterable[str]) -> bool:
    if take(turn, tuple(dict.fromkeys((*first, *wanted_slots(turn))))):
        await_answer(turn)
        return True
    if turn.changed:
        turn.wait_for("")
        run(turn)
        return True
    return False


def _yes_or_no(turn: Turn, step: Confirm) -> bool:
    if turn.intent == "affirm":
        _confirmed(turn, step)
    elif _ask_for_named(turn, (*step.slots, *step.also)):
        pass
    elif turn.intent in CORRECTING and not turn.same:
        if turn.state.mode == WAIT_LEAVE:
            close(turn)
        else:
            turn.wait_for(WAIT_DETAIL)
            ask_again(turn)
    elif turn.same:
        turn.wait_for("")
        ask_again(turn)
    else:
        return False
    return True


def _confirmed(turn: Turn, step: Confirm) -> None:
    """The caller said yes: the values are as sure as that yes."""
    leaving = turn.state.mode == WAIT_LEAVE
    sure = turn.heard.confidence
    turn.set(
        slots=tuple(
            dataclasses.replace(slot, confirmed=True, confidence=_surer(slot.confidence, sure))
            if slot.name in step.slots or slot.name in step.also
            else slot
            for slot in turn.state.slots
        )
    )
    turn.progressed = True
    turn.wait_for("")
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)
    run(turn)
    if leaving and turn.frame is None and not turn.end:
        turn.unask()
        close(turn)


def _surer(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _filled(turn: Turn) -> tuple[str, ...]:
    """Slots of the running flow that the caller has filled and can take back."""
    slots = (turn.state.slot(name) for name in wanted_slots(turn))
    return tuple(slot.name for slot in slots if slot is not None and slot.type != "text")


def _mentioned(turn: Turn, names: Iterable[str]) -> bool:
    """Whether the open question says one of these slots' values."""
    asked = f" {' '.join(word_list(' '.join(turn.state.question)))} "
    slots = (turn.state.slot(name) for name in names)
    spoken = (turn.spoken_form(slot.name, slot.value) for slot in slots if slot is not None)
    return any(f" {' '.join(word_list(form))} " in asked for form in spoken)


def _ask_for_named(turn: Turn, names: Iterable[str]) -> bool:
    """Ask for the one slot that the caller calls by its name: "the day is wrong"; who repeats its value is content."""
    said = f" {' '.join(word_list(turn.heard.text))} "
    named = [
        slot
        for slot in names
        if turn.state.slot(slot) is not None
        and slot not in turn.same
        and any(f" {' '.join(word_list(name))} " in said for name in turn.script.slots[slot].called)
    ]
    if len(named) != 1:
        return False
    turn.drop(named)
    turn.progressed = True
    ask_slot(turn, named[0])
    return True
