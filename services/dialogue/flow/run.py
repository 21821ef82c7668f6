"""Walks a flow from where it stands to the next question or the end of the call."""

from __future__ import annotations

import dataclasses
from functools import singledispatch
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.expect import expectation
from services.dialogue.flow.schema import Act, Ask, Call, Confirm, End, Goto, HandOver, Jump, Say
from services.dialogue.flow.templates import FlowRunError
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_DETAIL, WAIT_SLOT, WAIT_SWITCH
from services.dialogue.policy import Frame, Outcome, Slot

if TYPE_CHECKING:
    from services.dialogue.flow.schema import Flow
    from services.dialogue.flow.templates import Text
    from services.dialogue.flow.turn import Turn

_MAX_STEPS: Final = 500
"""Steps of one turn; `check` finds flows that would go on for ever, this stops what it cannot see."""


def start(turn: Turn, name: str, *, intent: str = "", digression: bool = False) -> None:
    """Put a flow on the stack. Values that served an earlier task are forgotten, unless they are kept."""
    flow = turn.script.flows[name]
    turn.drop(slot for slot in flow.slots if slot in turn.state.spent and not turn.script.slots[slot].keep)
    turn.push(Frame(name, intent=intent, digression=digression))
    turn.wait_for("")
    turn.progressed = True
    if not digression:
        turn.set(intent_confidence=turn.heard.confidence)
    _recall_contact(turn, flow)


def _recall_contact(turn: Turn, flow: Flow) -> None:
    if turn.call is None or not turn.call.contact_name:
        return
    for name in flow.slots:
        if turn.script.slots[name].from_contact and turn.state.slot(name) is None:
            turn.put(Slot(name, turn.call.contact_name, type=turn.script.slots[name].type))
            turn.changed.remove(name)  # the caller did not say it


def run(turn: Turn) -> None:
    """Go on until the caller is asked something or the call ends.

    Raises:
        FlowRunError: The flow never stops, or one of its templates fails.

    """
    for _ in range(_MAX_STEPS):
        if turn.end:
            return
        step = turn.instruction
        if turn.frame is None:
            ask_idle(turn)
            return
        if step is None:
            _leave_flow(turn)
        elif missing := _missing(turn):
            ask_slot(turn, missing)
            return
        elif _execute(step, turn):
            return
    place = turn.flow.place if turn.flow else None
    raise FlowRunError(f"{place}: the flow takes more than {_MAX_STEPS} steps without waiting for the caller")


def _missing(turn: Turn) -> str:
    """A slot that this step builds upon and that was taken back since it was filled."""
    if turn.flow is None or turn.frame is None:
        return ""
    return next((name for name in turn.flow.needs[turn.frame.step] if turn.state.slot(name) is None), "")


def ask_idle(turn: Turn) -> None:
    """Ask what to do (next)."""
    served = turn.state.served or turn.state.dispositions
    turn.question(turn.words(turn.script.phrases["anything_else" if served else "how_can_i_help"]))
    await_answer(turn)


def await_answer(turn: Turn) -> None:
    """Say what kind of answer is waited for."""
    turn.expectation = expectation(turn)


def close(turn: Turn, disposition: str = "") -> None:
    """Say goodbye and end the call; without a disposition it is what the call achieved."""
    turn.phrase("goodbye")
    turn.finish(disposition)


def ask_again(turn: Turn) -> None:
    """Ask the open question once more, in its short form."""
    state = turn.state
    if state.mode == WAIT_CHOICE:
        spoken = [turn.spoken_form(state.target, value) for value in state.choices]
        turn.question(turn.words(turn.script.phrases["which_one"], choices=spoken))
    elif state.mode == WAIT_SWITCH:
        ask_switch(turn, state.target)
    elif state.mode == WAIT_DETAIL:
        turn.question(turn.words(turn.script.phrases["which_detail"]))
    elif state.mode == WAIT_SLOT:
        ask_slot(turn, state.target)
    else:
        turn.change_frame(asked=True)
        run(turn)
    await_answer(turn)


def ask_switch(turn: Turn, flow: str) -> None:
    """Ask whether to leave the running task for another."""
    turn.question(turn.words(turn.script.phrases["switch"], task=turn.script.flows[flow].title))
    turn.wait_for(WAIT_SWITCH, flow)
    await_answer(turn)


def ask_slot(turn: Turn, slot: str) -> None:
    """Ask for a slot out of turn."""
    turn.question(turn.words(_short_prompt(turn, slot)))
    turn.wait_for(WAIT_SLOT, slot)
    await_answer(turn)


def _short_prompt(turn: Turn, slot: str) -> Text:
    spec = turn.script.slots[slot]
    asks = [
        step
        for flow in (turn.flow, *turn.script.flows.values())
        if flow is not None
        for step in flow.program
        if isinstance(step, Ask) and step.slot == slot
    ]
    prompt = spec.reprompt or spec.prompt or (asks[0].reprompt if asks else None)
    return prompt or turn.script.phrases["which_detail"]


def _leave_flow(turn: Turn) -> None:
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
    turn.progressed = True
    if turn.frame is None or frame.digression:
        filled = [name for name in flow.slots if turn.state.slot(name) is not None]
        turn.set(spent=tuple(dict.fromkeys((*turn.state.spent, *filled))))
    if turn.frame is None and not flow.information:
        turn.set(last_flow=flow.name)
    if isinstance(turn.instruction, Confirm):  # the summary in full: the caller's mind was elsewhere
        turn.change_frame(asked=False)


@singledispatch
def _execute(step: object, turn: Turn) -> bool:
    """Carry out a step; returns whether the turn is done."""
    raise TypeError(f"no step: {step!r} in {turn.flow}")


@_execute.register(Say)
def _(step: Say, turn: Turn) -> bool:
    turn.say(step.text)
    if step.uninterruptible:
        turn.hold_floor()
    _advance(turn)
    return False


@_execute.register(Ask)
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


@_execute.register(Confirm)
def _(step: Confirm, turn: Turn) -> bool:
    asked = turn.frame is not None and turn.frame.asked
    turn.question(turn.words(step.again if asked else step.text))
    turn.change_frame(asked=True)
    await_answer(turn)
    return True


@_execute.register(Jump)
def _(step: Jump, turn: Turn) -> bool:
    if step.unless is not None and step.unless.holds(turn.context()):
        _advance(turn)
    else:
        turn.go_to(step.target)
    return False


@_execute.register(Act)
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


@_execute.register(HandOver)
def _(step: HandOver, turn: Turn) -> bool:
    if step.text is not None:
        turn.say(step.text)
    else:
        turn.phrase("hand_over")
    turn.give_to_person(step.reason)
    return True


@_execute.register(End)
def _(step: End, turn: Turn) -> bool:
    while turn.frame is not None:  # what was reached counts, although no step is left
        _leave_flow(turn)
    turn.say(step.text)
    turn.finish()
    return True


@_execute.register(Call)
def _(step: Call, turn: Turn) -> bool:
    _advance(turn)
    turn.push(Frame(step.flow))
    return False


@_execute.register(Goto)
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
