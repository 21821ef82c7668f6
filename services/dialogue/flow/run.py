"""Walks a flow from where it stands to the next question or the end of the call."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.actions import look_again
from services.dialogue.flow.execute import await_answer as await_answer  # noqa: PLC0414 - part of walking, for others
from services.dialogue.flow.execute import execute, leave_flow
from services.dialogue.flow.fill import take
from services.dialogue.flow.schema import Ask
from services.dialogue.flow.templates import FlowRunError
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_DETAIL, WAIT_SLOT, WAIT_SWITCH
from services.dialogue.policy import Frame, Slot

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
    look_again(turn)
    for _ in range(_MAX_STEPS):
        if turn.end:
            return
        if turn.frame is None and not _begin_wished(turn):
            ask_idle(turn)
            return
        if turn.asked_back:  # by what was said with the wish
            await_answer(turn)
            return
        step = turn.instruction
        if step is None:
            leave_flow(turn)
        elif missing := _missing(turn):
            ask_slot(turn, missing)
            return
        elif execute(step, turn):
            return
    place = turn.flow.place if turn.flow else None
    raise FlowRunError(f"{place}: the flow takes more than {_MAX_STEPS} steps without waiting for the caller")


def _begin_wished(turn: Turn) -> bool:
    """Begin a task that was named together with another one, with what was said for it."""
    if not turn.state.wished:
        return False
    intent, *others = turn.state.wished
    turn.set(wished=tuple(others))
    name = turn.script.by_intent.get(intent)
    if name is None:  # the flow file has changed
        return _begin_wished(turn)
    start(turn, name, intent=intent)
    turn.heard = dataclasses.replace(turn.heard, entities=turn.state.offered)
    turn.set(offered=())
    take(turn, turn.script.flows[name].slots)
    return True


def _missing(turn: Turn) -> str:
    """A slot that this step builds upon and that was taken back since it was filled."""
    if turn.flow is None or turn.frame is None:
        return ""
    slots = (name for name in turn.flow.needs[turn.frame.step] if name in turn.script.slots)
    return next((name for name in slots if turn.state.slot(name) is None), "")


def ask_idle(turn: Turn) -> None:
    """Ask what to do (next)."""
    served = turn.state.served or turn.state.dispositions
    turn.question(turn.words(turn.script.phrases["anything_else" if served else "how_can_i_help"]))
    await_answer(turn)


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
