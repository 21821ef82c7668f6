"""What a flow file must fulfil beyond its form: references, events, calls and loops."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from voicemesh.events.v1 import business_events_pb2

from services.dialogue.flow.known import known_slots
from services.dialogue.flow.reader import nearest
from services.dialogue.flow.rehearse import rehearse
from services.dialogue.flow.schema import Act, Call, Confirm, End, Goto, HandOver, Jump, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def checked(script: Script, actions: frozenset[str] | None = None) -> Script:
    """The script, checked, with what is known at each of its steps.

    `actions` are those there are; None: that is not known.

    Raises:
        FlowFileError: Something is wrong with it.

    """
    for flow in script.flows.values():
        _check_references(flow, script)
        for step in flow.program:
            if isinstance(step, Act):
                _check_event(step)
            elif isinstance(step, Call):
                _check_action(step, script, actions)
    _check_calls(script)
    _check_loops(script)
    needs = known_slots(script.flows, (*script.slots, *script.variables))
    flows = {name: dataclasses.replace(flow, needs=needs[name]) for name, flow in script.flows.items()}
    script = dataclasses.replace(script, flows=flows)
    rehearse(script)
    return script


def _check_references(flow: Flow, script: Script) -> None:
    for step in flow.program:
        if isinstance(step, Run | Goto) and step.flow not in script.flows:
            step.place.fail(f"unknown flow {step.flow!r}", nearest(step.flow, script.flows))
    if flow.after_correction and flow.after_correction not in script.flows:
        flow.place.fail(
            f"after_correction names the unknown flow {flow.after_correction!r}",
            nearest(flow.after_correction, script.flows),
        )


def _check_event(step: Act) -> None:
    event = _EVENTS.get(step.event)
    if event is None:
        step.place.fail(f"unknown event {step.event!r}", nearest(step.event, _EVENTS))
    known = [field.name for field in event.fields if field.type == field.TYPE_STRING]
    for name, text in step.fields:
        if name not in known:
            text.place.fail(f"event {step.event} has no text field {name!r}", nearest(name, known))
    for name in known:
        if name not in dict(step.fields):
            step.place.fail(f"event {step.event} lacks field {name!r}", f"Add '{name}: ...' to its 'fields'.")


def _check_action(step: Call, script: Script, actions: frozenset[str] | None) -> None:
    if step.action in (actions or ()):
        return
    if step.action in script.flows:
        step.place.fail(f"{step.action!r} is a flow and no action", f"Write 'run: {step.action}' to run a flow.")
    if actions is not None:
        step.place.fail(
            f"unknown action {step.action!r}",
            f"{nearest(step.action, actions)} Declare it in the domain's actions.yaml (docs/actions.md).",
        )


def _check_calls(script: Script) -> None:
    """No flow may call itself, by whatever way: the stack of flows would grow with every round."""
    leads = {
        name: {step.flow for step in flow.program if isinstance(step, Run | Goto)}
        for name, flow in script.flows.items()
    }
    for name, flow in script.flows.items():
        for step in flow.program:
            if isinstance(step, Run) and name in _reached(step.flow, leads):
                step.place.fail(
                    f"flow {name!r} runs {step.flow!r}, which leads back to it",
                    f"Write 'goto: {step.flow}' instead, or take one of the steps out.",
                )


def _reached(start: str, leads: Mapping[str, set[str]]) -> set[str]:
    reached, work = {start}, [start]
    while work:
        new = leads[work.pop()] - reached
        reached |= new
        work.extend(new)
    return reached


def _check_loops(script: Script) -> None:
    """No flow may come back to a step without waiting for the caller."""
    done: set[tuple[str, int]] = set()
    for name in script.flows:
        _walk((name, 0), script.flows, [], done)


def _walk(
    position: tuple[str, int], flows: Mapping[str, Flow], path: list[tuple[str, int]], done: set[tuple[str, int]]
) -> None:
    name, step = position
    if position in path:
        loop = [flow for flow, _ in path[path.index(position) :]]
        flows[name].place.fail(
            f"flow {name!r} can go on for ever without waiting for the caller (by way of: "
            f"{', '.join(dict.fromkeys(loop))})",
            "Put a 'confirm' into the loop, or take the 'goto' out.",
        )
    if position in done or step >= len(flows[name].program):
        return
    path.append(position)
    for following in _follows(name, step, flows[name].program[step]):
        _walk(following, flows, path, done)
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
