"""Variables: values that steps and actions set. Each has a type; its value is kept as text in normal form."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.schema import VariableSpec
from services.dialogue.flow.spoken import normal_value
from services.dialogue.flow.templates import BUILT_IN, SpokenValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.spoken.forms import SpokenForms

EXAMPLES: Final = {
    "text": "'some words'",
    "number": "3",
    "date": "'2026-11-24'",
    "time": "'09:30'",
    "boolean": "true",
    "money": "'49.90 USD'",
}
"""The types, each with a value as a flow file writes it."""

_FORMS: Final = {"money": re.compile(r"-?\d+(\.\d+)? [A-Z]{3}"), "boolean": re.compile("true|false")}
_TRUTH: Final = {True: "true", False: "false"}


def read_variables(item: Item, slots: Iterable[str]) -> dict[str, VariableSpec]:
    """The variables of a flow file: a type each, or a type and an initial value; what is wrong is noted."""
    taken = set(slots)
    found: dict[str, VariableSpec] = {}
    for name, entry in item.keys().items():
        if not name.isidentifier() or name in BUILT_IN or name in taken:
            entry.note(f"variable {name!r} is no name of its own", "Use letters, digits and '_', and no slot's name.")
        found[name] = _variable(name, entry)
    return found


def _variable(name: str, item: Item) -> VariableSpec:
    if not item.is_mapping:
        return VariableSpec(name, item.place, _type(item))
    keys = item.mapping(("type",), ("initial",))
    kind = _type(keys["type"])
    initial = None
    if "initial" in keys and kind:
        initial = to_text(kind, keys["initial"].plain())
        if initial is None:
            keys["initial"].note(
                f"variable {name!r} is a {kind}, and its initial value is {keys['initial'].text()!r}",
                f"Write a {kind}, for example {EXAMPLES[kind]}.",
            )
    return VariableSpec(name, item.place, kind, initial)


def _type(item: Item) -> str:
    return item.one_of("variable type", EXAMPLES)


def to_text(kind: str, value: object) -> str | None:
    """A value in the normal form of its type; None: it is of another type."""
    if isinstance(value, bool):
        return _TRUTH[value] if kind == "boolean" else None
    if isinstance(value, int | float | Decimal):
        return f"{value}" if kind == "number" and Decimal(str(value)).is_finite() else None
    if not isinstance(value, str):
        return None
    form = _FORMS.get(kind)
    if form is not None and not form.fullmatch(value.strip()):
        return None
    return str(value) if kind == "text" else normal_value(kind, value)


def from_text(kind: str, text: str, spoken: SpokenForms) -> object:
    """What templates see of a variable: a number, a truth value, or a text that knows its spoken form."""
    if kind == "number":
        number = Decimal(text)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "boolean":
        return text == "true"
    return SpokenValue(text, text if kind == "text" else spoken.of_type(kind, text))
