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

    from services.dialogue.flow.mistakes import Mistakes, Place
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
    "caller": {"stage": "pending", "calls": 2, "last": "A cleaning was booked.", "suppressed": False},
    "open_items": (
        {"record_id": "r1", "kind": "appointment", "title": "cleaning", "state": "open"}
        | {"vendor": "", "amount": "", "currency": ""},
        {"record_id": "A4512", "kind": "order", "title": "order A4512", "state": "open"}
        | {"vendor": "shop", "amount": "49.90", "currency": "EUR"},
    ),
}
_UNKNOWN_CALLER: Final = {
    "contact": "",
    "caller": {"stage": "", "calls": 0, "last": "", "suppressed": False},
    "open_items": (),
}
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

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names | {self.variable.name}

    def check(self, context: Mapping[str, Any], mistakes: Mistakes) -> bool:
        """Note that the value is of another type than the variable; return whether it is of that type."""
        value, kind = self.expression.value(context), self.variable.type
        if to_text(kind, value) is not None:
            return True
        mistakes.note(
            self.place,
            f"variable {self.variable.name!r} is a {kind}, and {self.expression.source!r} gives {value!r}",
            f"Write an expression that gives a {kind}, for example {EXAMPLES[kind]}.",
        )
        return False


_Part = Text | Condition | _Assignment | Due


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """What is rehearsed, and where its mistakes go."""

    script: Script
    doubtful: frozenset[str]
    mistakes: Mistakes


def rehearse(script: Script, doubtful: frozenset[str], mistakes: Mistakes) -> None:
    """Render every text, condition and expression as it may come to be said; note the first failure of each.

    Args:
        script: the script.
        doubtful: names whose declaration is wrong; what uses them is left out.
        mistakes: what is wrong.
    """
    stage = _Rehearsal(script, doubtful, mistakes)
    nothing: tuple[str, ...] = ()
    everything = tuple(script.slots)
    for name, phrase in script.phrases.items():
        extra = {"choices": ["one", "two"], "task": "a task"}
        _try(stage, phrase, (nothing, everything), extra, with_call=name not in _SILENT)
    for summary in script.summaries.values():
        _try(stage, summary, (nothing,), {}, with_call=False)
    for spec in script.slots.values():
        if spec.name not in doubtful:
            _check_slot(stage, spec)
    for flow in script.flows.values():
        for needed, step in zip(flow.needs, flow.program, strict=False):
            for part in _parts(step, script):
                _try(stage, part, (needed,), {})
        if flow.summary is not None:
            _try(stage, flow.summary, (flow.needs[-1],), {})
        for part in promised(flow):
            _try(stage, part, (flow.needs[-1],), {})


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


def _check_slot(stage: _Rehearsal, spec: SlotSpec) -> None:
    # Asked again out of turn, a slot knows no other one.
    for text in (spec.prompt, spec.reprompt, spec.help):
        if text is not None:
            _try(stage, text, ((),), {})
    values = [{"value": _spoken(stage.script, spec, sample)} for sample in _samples(spec)]
    if spec.ack is not None:
        any(not _try(stage, spec.ack, ((spec.name,),), value) for value in values)
    for entry in spec.checks:
        any(not _try(stage, entry, ((), tuple(stage.script.slots)), value) for value in values)


def _samples(spec: SlotSpec) -> tuple[str, ...]:
    if spec.values:
        return tuple(spec.values)
    return _SAMPLES.get(spec.type, ("sample",))


def _spoken(script: Script, spec: SlotSpec, value: str) -> SpokenValue:
    return SpokenValue(value, spec.values.get(value) or script.spoken.of_type(spec.type, value))


def _try(
    stage: _Rehearsal,
    part: _Part | Check,
    knowns: Iterable[Iterable[str]],
    extra: Mapping[str, Any],
    *,
    with_call: bool = True,
) -> bool:
    """Render a part with each set of known slots until it fails; return whether it never does."""
    names = part.reject.names | part.say.names if isinstance(part, Check) else part.names
    if names & stage.doubtful:
        return True
    arounds: list[dict[str, Any]] = [{}]
    if with_call:
        arounds = [{**_CALL, **_KNOWN_CALLER}, {**_CALL, **_UNKNOWN_CALLER}]
    fixed = {"data": stage.script.data, "changed": (), "text": "so"}
    return all(
        _render(part, {**fixed, **context, **around, **extra}, stage.mistakes)
        for known in knowns
        for context in _contexts(stage, known)
        for around in arounds
    )


def _render(part: _Part | Check, context: Mapping[str, Any], mistakes: Mistakes) -> bool:
    """Render every wording; note that one fails and return whether none does."""
    piece: _Part = part.reject if isinstance(part, Check) else part
    try:
        if isinstance(piece, Condition):
            if piece.holds(context) and isinstance(part, Check):  # only then is it said
                piece = part.say
                _every_wording(piece, context)
        elif isinstance(piece, _Assignment | Due):
            return piece.check(context, mistakes)
        else:
            _every_wording(piece, context)
    except FlowRunError as error:
        mistakes.note(
            piece.place,
            f"{piece.key} fails: {str(error.__cause__).rstrip('.')}",
            "Ask for the slot in an earlier step, guard it with '{% if SLOT is defined %}', or mend the data.",
        )
        return False
    return True


def _every_wording(text: Text, context: Mapping[str, Any]) -> None:
    for variant in range(len(text.sources)):
        text.render(variant, context)


def _contexts(stage: _Rehearsal, known: Iterable[str]) -> Iterator[dict[str, object]]:
    """The first sample of everything known, then each other sample of each slot in turn."""
    script = stage.script
    names = tuple(name for name in known if name not in stage.doubtful)
    specs = [script.slots[name] for name in names if name in script.slots]
    first = _variables(stage, names) | {spec.name: _spoken(script, spec, _samples(spec)[0]) for spec in specs}
    yield first
    for spec in specs:
        for sample in _samples(spec)[1:]:
            yield first | {spec.name: _spoken(script, spec, sample)}


def _variables(stage: _Rehearsal, known: Iterable[str]) -> dict[str, object]:
    variables = {name: spec for name, spec in stage.script.variables.items() if name not in stage.doubtful}
    samples = {
        name: spec.initial if spec.initial is not None else EXAMPLES[spec.type].strip("'")
        for name, spec in variables.items()
        if name in known or spec.initial is not None
    }
    return {name: from_text(variables[name].type, text, stage.script.spoken) for name, text in samples.items()}
