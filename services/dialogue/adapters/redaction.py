"""Transcripts as they are stored: what identifies a person is replaced by its kind in brackets."""

import re
from collections.abc import Iterable
from dataclasses import replace

from services.dialogue.adapters.personal import Part, find_personal
from services.dialogue.adapters.personal.words import COMMON
from services.dialogue.policy import Entity, State

PERSONAL = frozenset({"phone", "email", "person_name", "order_number", "address", "spelling"})
"""Entity types of which neither words nor value is stored."""
# What may stand between two characters of a value that is read aloud: "1 5 5 5, 0 1 2", "sarah at example dot com".
_SIGNS = "at|dot|underscore|arroba|punto|guion bajo|guion|más"
_BETWEEN = rf"[\W_]*(?:(?:{_SIGNS})[\W_]+)?"
_SHORTEST = 2
_MAYBE = re.compile(r"\b(?:for|para|under|it['\u2019]?s)\s+$", re.IGNORECASE)
_MORE = re.compile(rf"(?:\s+(?!(?i:{'|'.join(sorted(COMMON))})\b)[A-ZÁÉÍÓÚÑ][^\W\d_]{{2,}}){{1,2}}")
"""The words behind one of a name that belong to it, where they are written as such."""
_WORD = re.compile(r"[^\W\d_]{3,}")


def redacted(
    text: str, entities: Iterable[Entity], language: str = "", names: Iterable[str] = (), *, of_card: bool = False
) -> str:
    """Return a caller's transcript without what identifies a person: personal entities, and what is found beside them.

    Args:
        language: BCP 47 tag of the conversation.
        names: what the caller is known to be called.
        of_card: whether a card was asked for, which many tell in groups of four.
    """
    return _without(text, _personal(text, entities, language, names, of_card=of_card))


def without_values(
    text: str, entities: Iterable[Entity], language: str = "", names: Iterable[str] = (), *, of_card: bool = False
) -> list[Entity]:
    """Return entities as they may be stored: of one that is personal, or stands in what is, its kind and place."""
    entities = list(entities)
    parts = _personal(text, entities, language, names, of_card=of_card)

    def personal(entity: Entity) -> bool:
        stands = any(begin < entity.end_char and entity.start_char < end for begin, end, _ in parts)
        return entity.type in PERSONAL or stands

    return [
        replace(entity, value="", raw=f"[{entity.type}]", alternatives=()) if personal(entity) else entity
        for entity in entities
    ]


def _personal(
    text: str, entities: Iterable[Entity], language: str, names: Iterable[str], *, of_card: bool = False
) -> list[Part]:
    found = [(e.start_char, e.end_char, e.type) for e in entities if e.type in PERSONAL and e.end_char > e.start_char]
    found += find_personal(text, language, of_card=of_card)
    for pattern in {p for name in names for p in _patterns("person_name", name)}:
        found += [(m.start(), m.end(), "person_name") for m in re.finditer(pattern, text, re.IGNORECASE)]
    for word in _name_words(text, found):
        for match in re.finditer(rf"\b{word}\b", text):
            more = _MORE.match(text, match.end())
            found.append((match.start(), more.end() if more else match.end(), "person_name"))
    return found


def found_names(text: str, entities: Iterable[Entity], language: str = "") -> list[str]:
    """Return the words of a caller's transcript that are of names, to be left out later too.

    One word after "for" or "it's" is too uncertain for that: "for Invisalign".
    """
    parts = _personal(text, entities, language, ())
    return _name_words(
        text, (part for part in parts if " " in text[part[0] : part[1]] or not _MAYBE.search(text[: part[0]]))
    )


def _name_words(text: str, parts: Iterable[Part]) -> list[str]:
    """The words of the names that stand in a text, but those that mean something else more often."""
    words = [word for begin, end, kind in parts if kind == "person_name" for word in _WORD.findall(text[begin:end])]
    return [word for word in dict.fromkeys(words) if word.lower() not in COMMON]


def _without(text: str, found: Iterable[Part]) -> str:
    parts: list[str] = []
    done = 0
    for begin, end, kind in sorted(found, key=lambda part: (part[0], -part[1])):
        if begin >= done:
            parts += [text[done:begin], f"[{kind}]"]
        # Of what overlaps the first gives the name, and all of its characters go.
        done = max(done, end)
    return "".join(parts) + text[done:]


def without_personal(text: str, state: State, contact_name: str = "") -> str:
    """Return an agent's words without what the caller told or the records say, in whatever form it is read aloud."""
    known = [(s.type, form) for s in state.slots for form in (s.value, s.raw)]
    known += [(e.type, form) for e in state.offered for form in (e.value, e.raw)]
    known.append(("person_name", contact_name))
    patterns = {(kind, p) for kind, form in known if kind in PERSONAL for p in _patterns(kind, form)}
    for kind, pattern in sorted(patterns, key=lambda found: -len(found[1])):
        text = re.sub(pattern, f"[{kind}]", text, flags=re.IGNORECASE)
    return _without(text, find_personal(text, state.language, agent=True))


def _patterns(kind: str, form: str) -> list[str]:
    values = [form, *form.split()] if kind == "person_name" else [form]
    spelled = [[re.escape(c) for c in value if c.isalnum()] for value in values]
    return [rf"\b{_BETWEEN.join(characters)}\b" for characters in spelled if len(characters) >= _SHORTEST]
