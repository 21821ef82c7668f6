"""The slots of a flow file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.dialogue.flow.schema import Check, SlotSpec
from services.dialogue.flow.templates import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.templates import Templates, Text

_LENGTHS: Final = {"phone": (7, 15)}
"""Digits of the numbers whose length is known everywhere: telephone numbers by E.164."""
_MEASURES: Final = ("characters", "words")
_MOST_WORDS: Final = 20


def check_slot_names(items: Mapping[str, Item]) -> None:
    """Note slots whose names templates cannot use."""
    for name, item in items.items():
        if not name.isidentifier():
            item.note(f"slot name {name!r} is no identifier", "Use letters, digits and '_' only.")
        if name in BUILT_IN:
            item.note(f"slot name {name!r} is built in", "Call the slot something else.")


def read_slot(name: str, item: Item, templates: Templates) -> SlotSpec:
    """A slot; what is wrong with it is noted and left out."""
    keys = item.mapping(
        ("type",),
        ("prompt", "reprompt", "help", "ack", "called", "values", "keep", "from_contact", "checks", *_MEASURES),
    )

    def text(key: str) -> Text | None:
        return templates.text(keys[key]) if key in keys else None

    values = keys["values"].keys() if "values" in keys else {}
    checks = keys["checks"].list() if "checks" in keys else ()
    return SlotSpec(
        name=name,
        place=item.place,
        type=keys["type"].text(),
        prompt=text("prompt"),
        reprompt=text("reprompt"),
        help=text("help"),
        ack=text("ack"),
        called=keys["called"].texts() if "called" in keys else (name.replace("_", " "),),
        values={value: spoken_as.text() for value, spoken_as in values.items()},
        keep=keys["keep"].flag() if "keep" in keys else False,
        from_contact=keys["from_contact"].flag() if "from_contact" in keys else False,
        checks=tuple(_check(entry, templates) for entry in checks),
        characters=_characters(keys["characters"]) if "characters" in keys else _LENGTHS.get(keys["type"].text()),
        words=_words(keys["words"]) if "words" in keys else None,
    )


def _characters(item: Item) -> tuple[int, int] | None:
    """One number, or "least..most"."""
    text = item.text()
    least, dots, most = text.partition("..")
    if not (least.isdigit() and (most.isdigit() if dots else not most)):
        if text:
            item.note(f"{item.path} is {text!r}", "Write a number such as 5, or a range such as 4..10.")
        return None
    found = int(least), int(most or least)
    if not 1 <= found[0] <= found[1] <= 64:
        item.note(f"{item.path} is {text!r}", "Write the smaller number first, from 1 to 64.")
        return None
    return found


def _words(item: Item) -> int | None:
    text = item.text()
    if text.isdigit() and 1 <= int(text) <= _MOST_WORDS:
        return int(text)
    if text:
        item.note(f"{item.path} is {text!r}", f"Write a number from 1 to {_MOST_WORDS}.")
    return None


def _check(item: Item, templates: Templates) -> Check:
    keys = item.mapping(("reject", "say"))
    return Check(templates.condition(keys["reject"]), templates.text(keys["say"]))


def well_declared(item: Item) -> bool:
    """Whether it is known what values a slot has; else what uses it cannot be tried out."""
    keys = item.keys()
    return "type" in keys and all(keys[name].sound for name in ("type", "values") if name in keys)
