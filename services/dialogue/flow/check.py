"""What a flow file must fulfil beyond its form: references, events, calls and loops."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from voicemesh.events.v1 import business_events_pb2

from services.dialogue.flow.known import known_slots
from services.dialogue.flow.mistakes import lacking, nearest
from services.dialogue.flow.rehearse import rehearse
from services.dialogue.flow.schema import Act, Call, Confirm, End, Goto, HandOver, Jump, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.dialogue.flow.mistakes import Mistakes
    from services.dialogue.flow.schema import Flow, Instruction, Script

_EVENTS: Final = {
    # The other business events are not a conversation's to cause.
    name: business_events_pb2.DESCRIPTOR.message_types_by_name[name]
    for name in (
        "AppointmentRequested",
        "AppointmentRescheduled",
        "AppointmentCancelled",
        "ComplaintLogged",
        "OrderInquired",
        "ReturnRequested",
        "HandoverRequested",
        "OptOutRequested",
    )
}


def check_meaning(script: Script, actions: frozenset[str] | None, mistakes: Mistakes) -> None:
    """Note references that lead nowhere, events and actions that are not there, and flows that run themselves.

    `actions` are those there are; None: that is not known.
    """
    for flow in script.flows.values():
        _check_references(flow, script, mistakes)
        for step in flow.program:
            if isinstance(step, Act):
                _check_event(step, mistakes)
            elif isinstance(step, Call):
                _check_action(step, script, actions, mistakes)
    for name, step in _turning(script.flows):
        mistakes.note(
            step.place,
            f"flow {name!r} runs {step.flow!r}, which leads back to it",
            f"Write 'goto: {step.flow}' instead, or take one of the steps out.",
        )


def tried_out(script: Script, whole: Mapping[str, Flow], doubtful: frozenset[str], mistakes: Mistakes) -> Script:
    """The script with what is known at each of its steps; loops and what cannot be said are noted.

    Args:
        script: the script.
        whole: those of its flows that were read without a mistake.
        doubtful: names whose declaration is wrong; what uses them is not tried.
        mistakes: what is wrong.
    """
    turning = {name for name, _ in _turning(script.flows)}
    _check_loops({name: flow for name, flow in whole.items() if name not in turning}, mistakes)
    needs = known_slots(whole, (*script.slots, *script.variables))
    # What a flow without intents begins with, the flows say that run it: all of them must be there.
    flows = {
        name: dataclasses.replace(flow, needs=needs[name])
        for name, flow in whole.items()
        if flow.intents or len(whole) == len(script.flows)
    }
    script = dataclasses.replace(script, flows=flows)
    rehearse(script, doubtful, mistakes)
    return script


def _check_references(flow: Flow, script: Script, mistakes: Mistakes) -> None:
    for step in flow.program:
        if isinstance(step, Run | Goto) and step.flow and step.flow not in script.flows:
            mistakes.note(step.place, f"unknown flow {step.flow!r}", nearest(step.flow, script.flows))
    if flow.after_correction and flow.after_correction not in script.flows:
        mistakes.note(
            flow.place,
            f"after_correction names the unknown flow {flow.after_correction!r}",
            nearest(flow.after_correction, script.flows),
        )


def _check_event(step: Act, mistakes: Mistakes) -> None:
    event = _EVENTS.get(step.event)
    if event is None:
        if step.event:
            mistakes.note(step.place, f"unknown event {step.event!r}", nearest(step.event, _EVENTS))
        return
    known = [field.name for field in event.fields if field.type == field.TYPE_STRING]
    for name, text in step.fields:
        if name not in known:
            mistakes.note(text.place, f"event {step.event} has no text field {name!r}", nearest(name, known))
    for name in lacking(dict(step.fields), known, known):
        remedy = f"Add '{name}: ...' to its 'fields'."
        mistakes.note(step.place, f"event {step.event} lacks field {name!r}", remedy)


def _check_action(step: Call, script: Script, actions: frozenset[str] | None, mistakes: Mistakes) -> None:
    if not step.action or step.action in (actions or ()):
        return
    if step.action in script.flows:
        remedy = f"Write 'run: {step.action}' to run a flow."
        mistakes.note(step.place, f"{step.action!r} is a flow and no action", remedy)
    elif actions is not None:
        mistakes.note(
            step.place,
            f"unknown action {step.action!r}",
            f"{nearest(step.action, actions)} Declare it in the domain's actions.yaml (docs/actions.md).",
        )


def _turning(flows: Mapping[str, Flow]) -> Iterator[tuple[str, Run]]:
    """Steps by which a flow runs itself, by whatever way: the stack of flows would grow with every round."""
    leads = {name: {step.flow for step in flow.program if isinstance(step, Run | Goto)} for name, flow in flows.items()}
    for name, flow in flows.items():
        for step in flow.program:
            if isinstance(step, Run) and name in _reached(step.flow, leads):
                yield name, step


def _reached(start: str, leads: Mapping[str, set[str]]) -> set[str]:
    reached, work = {start}, [start]
    while work:
        new = leads.get(work.pop(), set()) - reached
        reached |= new
        work.extend(new)
    return reached


def _check_loops(flows: Mapping[str, Flow], mistakes: Mistakes) -> None:
    """No flow may come back to a step without waiting for the caller."""
    done: set[tuple[str, int]] = set()
    for name in flows:
        _walk((name, 0), flows, [], done, mistakes)


def _walk(
    position: tuple[str, int],
    flows: Mapping[str, Flow],
    path: list[tuple[str, int]],
    done: set[tuple[str, int]],
    mistakes: Mistakes,
) -> None:
    name, step = position
    if position in path:
        loop = [flow for flow, _ in path[path.index(position) :]]
        mistakes.note(
            flows[name].place,
            f"flow {name!r} can go on for ever without waiting for the caller (by way of: "
            f"{', '.join(dict.fromkeys(loop))})",
            "Put a 'confirm' into the loop, or take the 'goto' out.",
        )
        return
    if position in done or name not in flows or step >= len(flows[name].program):
        return
    path.append(position)
    for following in _follows(name, step, flows[name].program[step]):
        _walk(following, flows, path, done, mistakes)
    path.pop()
    done.add(position)


def _follows(name: str, step: int, instruction: Instruction) -> Iterator[tuple[str, int]]:
    """Steps that may be reached without an answer. A question may be skipped: its slot may be known."""
    if isinstance(instruction, Goto | Run):
        yield instruction.flow, 0
    if isinstance(instruction, Jump):
        yield name, instruction.target
    if isinstance(instruction, Call) and instruction.failed_at is not None:
        yield name, instruction.failed_at
    if not isinstance(instruction, Goto | Confirm | End | HandOver) and instruction != Jump(step + 1):
        yield name, step + 1
