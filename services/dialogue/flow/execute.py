"""Carries out the steps of a flow, one at a time."""

from __future__ import annotations

import dataclasses
from functools import singledispatch
from typing import TYPE_CHECKING

from services.dialogue.flow.expect import expectation
from services.dialogue.flow.promises import note_promises
from services.dialogue.flow.schema import Act, Ask, Call, Confirm, End, Goto, HandOver, Jump, Run, Say, Set
from services.dialogue.flow.templates import FlowRunError
from services.dialogue.flow.variables import to_text
from services.dialogue.policy import Action, Frame, Outcome, Slot

if TYPE_CHECKING:
    from services.dialogue.flow.turn import Turn


def await_answer(turn: Turn) -> None:
    """Say what kind of answer is waited for."""
    turn.expectation = expectation(turn)


def leave_flow(turn: Turn) -> None:
    """The running flow has come to its end: note what it did and go back to the one below, if any."""
    flow, frame = turn.flow, turn.frame
    if flow is None or frame is None:
        return
    turn.pop()
    turn.achieve(flow.disposition)
    if frame.intent and frame.intent not in turn.state.served:
        turn.set(served=(*turn.state.served, frame.intent))
    if flow.summary is not None:
        turn.set(summary=(*turn.state.summary, " ".join(turn.words(flow.summary)))[-2:])
    note_promises(turn, flow)
    turn.progressed = True
    if turn.frame is None or frame.digression:
        filled = [name for name in flow.slots if turn.state.slot(name) is not None]
        turn.set(spent=tuple(dict.fromkeys((*turn.state.spent, *filled))))
    if turn.frame is None and not flow.information:
        turn.set(last_flow=flow.name)
    if isinstance(turn.instruction, Confirm):  # the summary in full: the caller's mind was elsewhere
        turn.change_frame(asked=False)


@singledispatch
def execute(step: object, turn: Turn) -> bool:
    """Carry out a step; returns whether the turn is done."""
    raise TypeError(f"no step: {step!r} in {turn.flow}")


@execute.register(Say)
def _(step: Say, turn: Turn) -> bool:
    turn.say(step.text)
    if step.uninterruptible:
        turn.hold_floor()
    _advance(turn)
    return False


@execute.register(Ask)
def _(step: Ask, turn: Turn) -> bool:
    asked = turn.frame is not None and turn.frame.asked
    if turn.state.slot(step.slot) is None:
        turn.question(turn.words(step.reprompt if asked else step.prompt))
        turn.change_frame(asked=True)
        await_answer(turn)
        return True
    thanks = turn.script.slots[step.slot].ack
    if thanks is not None and asked and step.slot in turn.changed:
        turn.say(thanks, value=turn.context()[step.slot])
    _advance(turn)
    return False


@execute.register(Confirm)
def _(step: Confirm, turn: Turn) -> bool:
    asked = turn.frame is not None and turn.frame.asked
    turn.question(turn.words(step.again if asked else step.text))
    turn.change_frame(asked=True)
    await_answer(turn)
    return True


@execute.register(Jump)
def _(step: Jump, turn: Turn) -> bool:
    if step.unless is not None and step.unless.holds(turn.context()):
        _advance(turn)
    else:
        turn.go_to(step.target)
    return False


@execute.register(Act)
def _(step: Act, turn: Turn) -> bool:
    if turn.flow is None or turn.frame is None:
        return False
    fields = {name: text.render(0, turn.context()) for name, text in step.fields}
    slots = tuple(slot for slot in turn.state.slots if slot.name in _stack_slots(turn))
    turn.act(Outcome(step.event, fields, _confidence(turn, slots), slots, turn.frame.intent))
    turn.achieve(turn.flow.disposition)  # it stands even if the caller hangs up before the flow ends
    turn.change_frame(acted=True)
    _advance(turn)
    return False


@execute.register(HandOver)
def _(step: HandOver, turn: Turn) -> bool:
    if step.text is not None:
        turn.say(step.text)
    else:
        turn.phrase("hand_over")
    turn.give_to_person(step.reason)
    return True


@execute.register(End)
def _(step: End, turn: Turn) -> bool:
    while turn.frame is not None:  # what was reached counts, although no step is left
        leave_flow(turn)
    turn.say(step.text)
    turn.finish()
    return True


@execute.register(Set)
def _(step: Set, turn: Turn) -> bool:
    for name, expression in step.values:
        kind = turn.script.variables[name].type
        value = to_text(kind, expression.value(turn.context()))
        if value is None:
            raise FlowRunError(f"{step.place.file}:{step.place.line}: {expression.key}: {name!r} must be a {kind}")
        turn.assign(Slot(name, value, type=kind))
    _advance(turn)
    return False


@execute.register(Call)
def _(step: Call, turn: Turn) -> bool:
    arguments = {name: text.render(0, turn.context()) for name, text in step.arguments}
    filler = " ".join(turn.words(step.filler)) if step.filler is not None else ""
    turn.action = Action(step.action, arguments, step.effect, step.timeout, filler)
    if step.effect:
        turn.change_frame(acted=True)  # from here on the flow is never begun anew: nothing is done twice
    turn.wait_for("")
    await_answer(turn)
    return True


@execute.register(Run)
def _(step: Run, turn: Turn) -> bool:
    _advance(turn)
    turn.push(Frame(step.flow))
    return False


@execute.register(Goto)
def _(step: Goto, turn: Turn) -> bool:
    if turn.frame is not None:
        frame = dataclasses.replace(turn.frame, flow=step.flow, step=0, asked=False)
        turn.set(frames=(*turn.state.frames[:-1], frame))
    return False


def _advance(turn: Turn) -> None:
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)


def _stack_slots(turn: Turn) -> set[str]:
    return {slot for frame in turn.state.frames for slot in turn.script.flows[frame.flow].slots}


def _confidence(turn: Turn, slots: tuple[Slot, ...]) -> float | None:
    """The weakest link of what an outcome rests on: the intent and each value, as far as they are known."""
    known = [slot.confidence for slot in slots if slot.confidence is not None]
    if turn.state.intent_confidence is not None and not any(slot.confirmed for slot in slots):
        known.append(turn.state.intent_confidence)  # a confirmed summary vouches for the intent, too
    return min(known, default=None)
