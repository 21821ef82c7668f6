"""What a flow file must fulfil beyond its form: references, events, loops, and templates that render."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from voicemesh.events.v1 import business_events_pb2

from services.dialogue.flow.known import known_slots
from services.dialogue.flow.reader import nearest
from services.dialogue.flow.schema import Act, Ask, Call, Check, Confirm, End, Goto, HandOver, Jump, Say
from services.dialogue.flow.templates import Condition, FlowRunError, SpokenValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.dialogue.flow.schema import Flow, Instruction, Script, SlotSpec
    from services.dialogue.flow.templates import Text

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
_SAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    # A whole week: opening hours have gaps.
    "date": tuple(f"2026-11-{day}" for day in range(23, 30)),
    "time": ("00:00", "09:30", "12:00", "18:00"),
    "phone": ("+15550123456",),
    "email": ("sarah@example.com",),
    "money": ("49.90 USD",),
    "order_number": ("A4512",),
    "number": ("3",),
}
_CALL: Final = {"today": "2026-11-20", "now": "09:00", "time_zone": "UTC"}
_KNOWN_CALLER: Final = {
    "contact": "Sarah Miller",
    "open_items": (
        {"record_id": "r1", "kind": "appointment", "title": "cleaning", "state": "open"},
        {"record_id": "A4512", "kind": "order", "title": "order A4512", "state": "open"},
    ),
}
_UNKNOWN_CALLER: Final = {"contact": "", "open_items": ()}
_SILENT: Final = ("still_there", "no_answer")
"""Phrases said without a caller's turn: they know slots and data only."""


def checked(script: Script) -> Script:
    """The script, checked, with what is known at each of its steps.

    Raises:
        FlowFileError: Something is wrong with it.

    """
    for flow in script.flows.values():
        _check_references(flow, script)
        for step in flow.program:
            if isinstance(step, Act):
                _check_event(step)
    _check_calls(script)
    _check_loops(script)
    needs = known_slots(script.flows, script.slots)
    flows = {name: dataclasses.replace(flow, needs=needs[name]) for name, flow in script.flows.items()}
    script = dataclasses.replace(script, flows=flows)
    _check_texts(script)
    return script


def _check_references(flow: Flow, script: Script) -> None:
    for step in flow.program:
        if isinstance(step, Call | Goto) and step.flow not in script.flows:
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


def _check_calls(script: Script) -> None:
    """No flow may call itself, by whatever way: the stack of flows would grow with every round."""
    leads = {
        name: {step.flow for step in flow.program if isinstance(step, Call | Goto)}
        for name, flow in script.flows.items()
    }
    for name, flow in script.flows.items():
        for step in flow.program:
            if isinstance(step, Call) and name in _reached(step.flow, leads):
                step.place.fail(
                    f"flow {name!r} calls {step.flow!r}, which leads back to it",
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
    if isinstance(instruction, Goto | Call):
        yield instruction.flow, 0
    if isinstance(instruction, Jump):
        yield name, instruction.target
    if not isinstance(instruction, Goto | Confirm | End | HandOver) and instruction != Jump(step + 1):
        yield name, step + 1


# Every template is rendered with sample values: only what is surely known at its place is there.


def _check_texts(script: Script) -> None:
    nothing: tuple[str, ...] = ()
    everything = tuple(script.slots)
    for name, phrase in script.phrases.items():
        for known in (nothing, everything):
            extra = {"choices": ["one", "two"], "task": "a task"}
            _try(script, phrase, known, extra, with_call=name not in _SILENT)
    for summary in script.summaries.values():
        _try(script, summary, nothing, {}, with_call=False)
    for spec in script.slots.values():
        _check_slot(script, spec)
    for flow in script.flows.values():
        for needed, step in zip(flow.needs, flow.program, strict=False):
            for part in _parts(step):
                _try(script, part, needed, {})
        if flow.summary is not None:
            _try(script, flow.summary, flow.needs[-1], {})


def _parts(step: Instruction) -> Iterator[Text | Condition]:
    if isinstance(step, Say | HandOver | End) and step.text is not None:
        yield step.text
    elif isinstance(step, Ask):
        yield from (step.prompt, step.reprompt)
    elif isinstance(step, Confirm):
        yield from (step.text, step.again)
    elif isinstance(step, Act):
        yield from (text for _, text in step.fields)
    elif isinstance(step, Jump) and step.unless is not None:
        yield step.unless


def _check_slot(script: Script, spec: SlotSpec) -> None:
    # Asked again out of turn, a slot knows no other one.
    for text in (spec.prompt, spec.reprompt, spec.help):
        if text is not None:
            _try(script, text, (), {})
    for sample in _samples(spec):
        value = {"value": _spoken(script, spec, sample)}
        if spec.ack is not None:
            _try(script, spec.ack, (spec.name,), value)
        for entry in spec.checks:
            for known in ((), tuple(script.slots)):
                _try(script, entry, known, value)


def _samples(spec: SlotSpec) -> tuple[str, ...]:
    if spec.values:
        return tuple(spec.values)
    return _SAMPLES.get(spec.type, ("sample",))


def _spoken(script: Script, spec: SlotSpec, value: str) -> SpokenValue:
    return SpokenValue(value, spec.values.get(value) or script.spoken.of_type(spec.type, value))


def _try(
    script: Script,
    part: Text | Condition | Check,
    known: Iterable[str],
    extra: Mapping[str, Any],
    *,
    with_call: bool = True,
) -> None:
    surroundings: list[dict[str, Any]] = [{}]
    if with_call:
        surroundings = [{**_CALL, **_KNOWN_CALLER}, {**_CALL, **_UNKNOWN_CALLER}]
    for context in _contexts(script, known):
        for around in surroundings:
            _render(part, {"data": script.data, "changed": (), "text": "so", **context, **around, **extra})


def _render(part: Text | Condition | Check, context: Mapping[str, Any]) -> None:
    if isinstance(part, Check):
        if _render_one(part.reject, context):  # only then is it said
            _render_one(part.say, context)
    else:
        _render_one(part, context)


def _render_one(part: Text | Condition, context: Mapping[str, Any]) -> bool:
    """Render every wording; of a condition, return whether it holds."""
    holds = True
    try:
        if isinstance(part, Condition):
            holds = part.holds(context)
        else:
            for variant in range(len(part.sources)):
                part.render(variant, context)
    except FlowRunError as error:
        part.place.fail(
            f"{part.key} fails: {str(error.__cause__).rstrip('.')}",
            "Ask for the slot in an earlier step, guard it with '{% if SLOT is defined %}', or mend the data.",
        )
    return holds


def _contexts(script: Script, known: Iterable[str]) -> Iterator[dict[str, SpokenValue]]:
    """The first sample of every known slot, then each other sample of each slot in turn."""
    specs = [script.slots[name] for name in known]
    first = {spec.name: _spoken(script, spec, _samples(spec)[0]) for spec in specs}
    yield first
    for spec in specs:
        for sample in _samples(spec)[1:]:
            yield first | {spec.name: _spoken(script, spec, sample)}
