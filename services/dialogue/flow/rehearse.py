"""Every template rendered with sample values when a flow file is read: only what is surely known there is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.dialogue.flow.promises import Due, promised
from services.dialogue.flow.schema import Act, Ask, Call, Check, Confirm, End, HandOver, Jump, Say, Set
from services.dialogue.flow.templates import Condition, Expression, FlowRunError, SpokenValue, Text
from services.dialogue.flow.variables import EXAMPLES, from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.dialogue.flow.reader import Place
    from services.dialogue.flow.schema import Instruction, Script, SlotSpec, VariableSpec

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


@dataclass(frozen=True, slots=True)
class _Assignment:
    """What a variable is set to."""

    variable: VariableSpec
    expression: Expression

    @property
    def place(self) -> Place:
        return self.expression.place

    @property
    def key(self) -> str:
        return self.expression.key

    def check(self, context: Mapping[str, Any]) -> None:
        """The value must be of the variable's type."""
        value, kind = self.expression.value(context), self.variable.type
        if to_text(kind, value) is None:
            self.place.fail(
                f"variable {self.variable.name!r} is a {kind}, and {self.expression.source!r} gives {value!r}",
                f"Write an expression that gives a {kind}, for example {EXAMPLES[kind]}.",
            )


_Part = Text | Condition | _Assignment | Due


def rehearse(script: Script) -> None:
    """Render every text, condition and expression as it may come to be said.

    Raises:
        FlowFileError: One of them fails, or gives a variable a value of another type.

    """
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
            for part in _parts(step, script):
                _try(script, part, needed, {})
        if flow.summary is not None:
            _try(script, flow.summary, flow.needs[-1], {})
        for part in promised(flow):
            _try(script, part, flow.needs[-1], {})


def _parts(step: Instruction, script: Script) -> Iterator[_Part]:
    if isinstance(step, Say | HandOver | End) and step.text is not None:
        yield step.text
    elif isinstance(step, Ask):
        yield from (step.prompt, step.reprompt)
    elif isinstance(step, Confirm):
        yield from (step.text, step.again)
    elif isinstance(step, Act):
        yield from (text for _, text in step.fields)
    elif isinstance(step, Call):
        yield from (text for _, text in step.arguments)
        if step.filler is not None:
            yield step.filler
    elif isinstance(step, Set):
        yield from (_Assignment(script.variables[name], expression) for name, expression in step.values)
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
    part: _Part | Check,
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


def _render(part: _Part | Check, context: Mapping[str, Any]) -> None:
    if isinstance(part, Check):
        if _render_one(part.reject, context):  # only then is it said
            _render_one(part.say, context)
    else:
        _render_one(part, context)


def _render_one(part: _Part, context: Mapping[str, Any]) -> bool:
    """Render every wording; of a condition, return whether it holds."""
    holds = True
    try:
        if isinstance(part, Condition):
            holds = part.holds(context)
        elif isinstance(part, _Assignment | Due):
            part.check(context)
        else:
            for variant in range(len(part.sources)):
                part.render(variant, context)
    except FlowRunError as error:
        part.place.fail(
            f"{part.key} fails: {str(error.__cause__).rstrip('.')}",
            "Ask for the slot in an earlier step, guard it with '{% if SLOT is defined %}', or mend the data.",
        )
    return holds


def _contexts(script: Script, known: Iterable[str]) -> Iterator[dict[str, object]]:
    """The first sample of everything known, then each other sample of each slot in turn."""
    names = tuple(known)
    specs = [script.slots[name] for name in names if name in script.slots]
    first = _variables(script, names) | {spec.name: _spoken(script, spec, _samples(spec)[0]) for spec in specs}
    yield first
    for spec in specs:
        for sample in _samples(spec)[1:]:
            yield first | {spec.name: _spoken(script, spec, sample)}


def _variables(script: Script, known: Iterable[str]) -> dict[str, object]:
    samples = {
        name: spec.initial if spec.initial is not None else EXAMPLES[spec.type].strip("'")
        for name, spec in script.variables.items()
        if name in known or spec.initial is not None
    }
    return {name: from_text(script.variables[name].type, text, script.spoken) for name, text in samples.items()}
