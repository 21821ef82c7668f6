"""Transcripts as they are stored: what identifies a person is replaced by its kind in brackets."""

import re
from collections.abc import Iterable

from services.dialogue.policy import Entity, State

PERSONAL = frozenset({"phone", "email", "person_name", "order_number", "address", "spelling"})
"""Entity types of which neither words nor value is stored."""
# What may stand between two characters of a value that is read aloud: "1 5 5 5, 0 1 2", "sarah at example dot com".
_SIGNS = "at|dot|underscore|arroba|punto|guion bajo|guion|más"
_BETWEEN = rf"[\W_]*(?:(?:{_SIGNS})[\W_]+)?"
_SHORTEST = 2


def redacted(text: str, entities: Iterable[Entity]) -> str:
    """Return a caller's transcript without the personal entities found in it."""
    personal = [e for e in entities if e.type in PERSONAL and e.end_char > e.start_char]
    parts: list[str] = []
    done = 0
    for entity in sorted(personal, key=lambda e: (e.start_char, -e.end_char)):
        if entity.start_char >= done:
            parts += [text[done : entity.start_char], f"[{entity.type}]"]
        # Of entities that overlap the first gives the name, and all of their characters go.
        done = max(done, entity.end_char)
    return "".join(parts) + text[done:]


def without_personal(text: str, state: State, contact_name: str = "") -> str:
    """Return an agent's words without what the caller told or the records say, in whatever form it is read aloud."""
    known = [(s.type, form) for s in state.slots for form in (s.value, s.raw)]
    known += [(e.type, form) for e in state.offered for form in (e.value, e.raw)]
    known.append(("person_name", contact_name))
    patterns = {(kind, p) for kind, form in known if kind in PERSONAL for p in _patterns(kind, form)}
    for kind, pattern in sorted(patterns, key=lambda found: -len(found[1])):
        text = re.sub(pattern, f"[{kind}]", text, flags=re.IGNORECASE)
    return text


def _patterns(kind: str, form: str) -> list[str]:
    values = [form, *form.split()] if kind == "person_name" else [form]
    spelled = [[re.escape(c) for c in value if c.isalnum()] for value in values]
    return [rf"\b{_BETWEEN.join(characters)}\b" for characters in spelled if len(characters) >= _SHORTEST]
