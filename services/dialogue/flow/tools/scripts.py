"""Scripted dialogues: what is said, line by line, and what it means.

A script is plain text beside the flow, `<domain>/<language>/dialogues/*.txt`, one dialogue a paragraph:

    # name of the dialogue
    @ contact="Sarah Miller" item=order:A4512:in_transit       what is known of the call, where anything is
    < Words of the agent.
    > words of the caller
    > intent@0.9 type=value@0.8 type=value/other | words       the same with their meaning
    > keys: 12                                                 telephone keys
    ...                                                        the caller says nothing
    ! Event field=value                                        an outcome of the turn above
    ? action argument=value                                    an action that the turn above asks for
    : field=value                                              its result; error=WORDS: it failed
    = disposition                                              the call ended

An intent of "-" is out of scope, "?" is none; `+intent` begins what a further part of the sentence means, with its
entities behind it. Confidences may be left out (0.9, entities: unknown).
"""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from services.dialogue.flow.mistakes import Mistakes, Place
from services.dialogue.policy import CallInfo, Entity, FurtherIntent, OpenItem, Understanding

if TYPE_CHECKING:
    from pathlib import Path

CALLER: Final = "> "
KEYS: Final = "> keys:"
SILENCE: Final = "..."
RESULT: Final = ": "
_MARKS: Final = (CALLER, SILENCE, RESULT, "< ", "! ", "? ", "= ", "@ ")
_MEANING: Final = " | "
_FRIDAY: Final = "2026-11-20T09:00"
"""When scripted calls take place unless they say otherwise, on the domain's clock."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of a script."""

    name: str
    domain: str
    language: str
    lines: tuple[str, ...]
    file: str = ""
    line: int = 0
    """Where its name stands, counted from 1."""


def read_dialogues(path: Path, domain: str, language: str) -> list[Dialogue]:
    """The dialogues of a script.

    Raises:
        FlowFileError: Lines are none of those a script has; it holds each of them.
        OSError: The file cannot be read.

    """
    found: list[Dialogue] = []
    mistakes = Mistakes()
    paragraph: list[tuple[int, str]] = []
    for number, raw in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        line = raw.rstrip()
        if line:
            paragraph.append((number, line))
        elif paragraph:
            found.append(_dialogue(paragraph, path, domain, language, mistakes))
            paragraph = []
    mistakes.settle()
    return found


def _dialogue(paragraph: list[tuple[int, str]], path: Path, domain: str, language: str, mistakes: Mistakes) -> Dialogue:
    (first, title), *rest = paragraph
    if not title.startswith("# "):
        mistakes.note(Place(str(path), first), f"{title!r} begins no dialogue", "Write '# ' and a name above it.")
    for number, line in rest:
        if not line.startswith(_MARKS):
            remedy = f"Begin it with one of: {' '.join(_MARKS)}"
            mistakes.note(Place(str(path), number), f"{line!r} is no line of a dialogue", remedy)
    return Dialogue(title[2:], domain, language, tuple(line for _, line in rest), str(path), first)


def call_of(
    domain: str, options: str = "", *, language: str = "en-US", time_zone: str = "America/New_York"
) -> CallInfo:
    """What is known of a scripted call: `contact`, `item=kind:title:state`, `stage`, `last`, `direction`, `flow`,
    `now`.

    Raises:
        ValueError: `now` is no time, or an item lacks a part.

    """
    values: dict[str, str] = {}
    items: list[OpenItem] = []
    for key, value in pairs(options):
        if key == "item":
            kind, title, state = value.split(":")
            items.append(OpenItem(title, kind, title, state))
        else:
            values[key] = value
    now = dt.datetime.fromisoformat(values.get("now", _FRIDAY)).replace(tzinfo=ZoneInfo(time_zone))
    return CallInfo(
        domain=domain,
        language=language,
        time_zone=time_zone,
        now=now.astimezone(dt.UTC),
        direction=values.get("direction", "inbound"),
        contact_name=values.get("contact", ""),
        open_items=tuple(items),
        stage=values.get("stage", ""),
        last_interaction=values.get("last", ""),
        flow=values.get("flow", ""),
    )


def pairs(text: str) -> list[tuple[str, str]]:
    """The `key=value` words of a line; values with blanks stand in quotes."""
    return [(key, value) for key, _, value in (word.partition("=") for word in shlex.split(text))]


def words_of(line: str) -> str:
    """What the caller says in a line, without its meaning."""
    meaning, bar, text = line.partition(_MEANING)
    return text.strip() if bar else meaning.strip()


def meaning_of(line: str) -> Understanding | None:
    """What a caller's line means; None: it says only the words."""
    return understood(line) if _MEANING in line else None


def understood(line: str) -> Understanding:
    """The meaning a line notes down: `intent@0.9 type=value/other@0.8~raw +further type=value | words`."""
    meaning, _, text = line.partition("|")
    intent, *notes = shlex.split(meaning)
    name, _, confidence = intent.partition("@")
    text = text.strip()
    parts: list[tuple[str, list[Entity]]] = [("", [])]
    for note in notes:
        if note.startswith("+"):
            parts.append((note[1:], []))
        else:
            parts[-1][1].append(_entity(note, text))
    return Understanding(
        text=text,
        intent="" if name in "-?" else name,
        confidence=float(confidence or 0.9),
        out_of_scope=name == "-",
        entities=tuple(entity for _, entities in parts for entity in entities),
        further=tuple(_further(note, entities) for note, entities in parts[1:]),
    )


def _further(note: str, entities: list[Entity]) -> FurtherIntent:
    name, _, confidence = note.partition("@")
    return FurtherIntent(name, float(confidence or 0.9), tuple(entities))


def _entity(note: str, text: str) -> Entity:
    kind, _, rest = note.partition("=")
    rest, _, raw = rest.partition("~")
    values, _, confidence = rest.partition("@") if kind != "email" else (rest, "", "")
    value, *others = values.split("/")
    start = max(text.find(raw), 0) if raw else 0
    return Entity(kind, value, raw, start, start + len(raw), float(confidence) if confidence else None, tuple(others))
