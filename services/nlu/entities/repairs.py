"""What speakers take back, negate and say again: the last word wins."""

import re
from collections.abc import Iterable
from dataclasses import replace

from services.nlu.entities.found import Context, Found
from services.nlu.entities.grammar import Grammar
from services.nlu.entities.text import SpokenText

_NEAR = 12
"""As many characters may stand between old words and their repair: "three o'clock, oh wait, four"."""
_NEGATION = 40
"""As many characters before an entity are searched for "not on the"."""
_AHEAD = 60
"""As many characters behind a repair are looked at for what completes the old words."""
_DICTATED = frozenset({"phone", "order_number"})
_DOUBTED = frozenset({"date", "time", "date_range", "time_range", "duration", "money", "percentage", "quantity"})
"""Types whose earlier value a mere hesitation takes back."""
_RANGES = frozenset({"date_range", "time_range"})
_COUNTED = frozenset({"number", "ordinal", "order_number", "quantity", "spelling"})
"""Types that may be said twice and mean two."""
_LEAST_TAIL, _MOST_TAIL = 1, 6
_DIGITS = re.compile(r"\d(?:[ ,-]{0,2}\d)*(?![\w:])")
_BARE_DAY = re.compile(r"(?:(?:the|el|día) )*(?P<day>\d{1,2}(?:º|st|nd|rd|th)?)")
_COMPLETED = 0.8
_CLEAR = 0.85
"""What is read so surely needs no help from what it replaces: "twenty five, no, thirty five dollars"."""


def repaired(found: list[Found], text: SpokenText, context: Context, grammar: Grammar) -> list[Found]:
    """Return what is still meant.

    "Not Tuesday" is left out, and so is Tuesday in "Tuesday, no, Thursday". What replaces it may be said in short:
    "at three, sorry, four"; "June fifth, I mean sixth"; "twenty dollars, no, thirty".
    """
    rules = grammar.retractions
    again = _Again(text, context, grammar)
    kept = [f for f in found if not rules.negation.search(text.canonical[max(0, f.start - _NEGATION) : f.start])]
    for repair in rules.repair.finditer(text.canonical):
        lead = rules.lead.match(text.canonical, repair.end())
        last = lead.end() if lead else repair.end()
        kept = _once_repaired(kept, again, (repair.start(), repair.end(), last))
    for pause in text.hesitations:
        lead = rules.lead.match(text.canonical, pause + 1)
        kept = _corrected_in_doubt(kept, again, (pause, pause + 1, lead.end() if lead else pause + 1))
    kept = [f for f in kept if not rules.rejection.match(text.canonical, f.end)]
    return _without_echoes(kept, text, grammar)


class _Again:
    """Reads a text again, or words of it in another's place; each reading of the whole is done once."""

    def __init__(self, text: SpokenText, context: Context, grammar: Grammar) -> None:
        self.canonical = text.canonical
        self._text = text
        self._context = context
        self._grammar = grammar
        self._memory: dict[tuple[str, ...], list[Found]] = {}

    def expecting(self, types: tuple[str, ...]) -> list[Found]:
        """Return what is found of these types where they are expected."""
        if types not in self._memory:
            self._memory[types] = self._read(self._text, replace(self._context, expected=types), types)
        return self._memory[types]

    def completed(self, old: str, new: str, kind: str) -> tuple[Found, int] | None:
        """Return what the old words mean with the new ones in their place, and how many characters are new."""
        change = self._grammar.retractions.completed(old, new)
        if change is None:
            return None
        meant, length = change
        found = self._read(SpokenText(meant, self._text.language), self._context, (kind,))
        whole = next((f for f in found if f.start == 0 and f.end >= len(meant)), None)
        return (whole, length) if whole else None

    def _read(self, text: SpokenText, context: Context, types: Iterable[str]) -> list[Found]:
        return [f for reader in self._grammar.readers for f in reader(text, context) if f.type in types]


def _once_repaired(kept: list[Found], again: _Again, at: tuple[int, int, int]) -> list[Found]:
    """Judge one repair: where it begins, where it ends, and where the new words begin at the latest."""
    begin, end, last = at
    before = [f for f in kept if f.end <= begin]
    near = [f for f in before if begin - f.end <= _NEAR]
    fresh = [f for f in kept if end <= f.start <= last]
    partly = near and near[-1].type in _RANGES and fresh and fresh[0].type != near[-1].type
    part = _completed(near[-1], again, last) if partly else None
    if part:  # "from monday to wednesday, no, thursday"
        others = [f for f in kept if f is not near[-1] and (f.end <= part.start or part.end <= f.start)]
        return sorted([*others, part], key=lambda f: f.start)
    if near and fresh and max(f.confidence for f in fresh) >= _CLEAR and fresh[0].type != near[-1].type:
        return [f for f in _without_renewed(kept, begin, end) if f is not near[-1]]
    if near and not any(f.type == near[-1].type for f in fresh):
        renewed = _completed(near[-1], again, last) or _completed(near[-1], again, end) or _in_short(near, again, at)
        if renewed is not None:
            fresh = [renewed]
            kept = [f for f in kept if f.end <= renewed.start or renewed.end <= f.start]
            kept = sorted([*kept, renewed], key=lambda f: f.start)
    elif near and fresh:
        kept, fresh = _in_full(*_in_its_month(kept, near[-1], fresh, again), near[-1])
    return _without_renewed(kept, begin, end) if fresh else kept


def _corrected_in_doubt(kept: list[Found], again: _Again, at: tuple[int, int, int]) -> list[Found]:
    """Judge a hesitation: between two values of a type the later one counts, "the eleventh, er, the twelfth"."""
    begin, end, last = at
    old = next((f for f in kept if f.end == begin and f.type in _DOUBTED), None)
    if old is None:
        return kept
    new = next((f for f in kept if end <= f.start <= last), None)
    if new is None or new.type != old.type:
        new = _completed(old, again, last)
    if new is None:
        return kept
    others = [f for f in kept if f is not old and (f.end <= new.start or new.end <= f.start)]
    doubtful = replace(new, alternatives=(*new.alternatives, old.value), confidence=min(new.confidence, _COMPLETED))
    return sorted([*others, doubtful], key=lambda f: f.start)


def _without_renewed(kept: list[Found], begin: int, end: int) -> list[Found]:
    """Leave out what stands before a repair and is said anew behind it."""
    types = {f.type for f in kept if f.start >= end}
    return [f for f in kept if f.end > begin or f.type not in types]


def _in_its_month(kept: list[Found], old: Found, fresh: list[Found], again: _Again) -> tuple[list[Found], list[Found]]:
    """Give a bare day the month of the old one: "June fifth, I mean the sixth"."""
    new = next((f for f in fresh if f.type == old.type == "date"), None)
    bare = _BARE_DAY.fullmatch(again.canonical, new.start, new.end) if new else None
    whole = _completed(old, again, bare.start("day")) if bare else None
    if whole is None or new is None or whole.end != new.end:
        return kept, fresh
    whole = replace(whole, start=new.start)
    return [whole if f is new else f for f in kept], [whole]


def _in_full(kept: list[Found], fresh: list[Found], old: Found) -> tuple[list[Found], list[Found]]:
    """Give an order number's new digits the letters of the old ones: "A4512, no, 4513"."""
    letters = re.match(r"[A-Z]+(?=\d)", old.value)
    new = next((f for f in fresh if f.type == old.type), None)
    if old.type != "order_number" or new is None or not letters or not new.value.isdigit():
        return kept, fresh
    whole = replace(new, value=letters.group() + new.value, alternatives=(new.value,))
    return [whole if f is new else f for f in kept], [whole]


def _completed(old: Found, again: _Again, at: int) -> Found | None:
    """Read the old words with the new ones in their place: "june 5th", "6th"."""
    if old.type in _DICTATED:
        return _new_tail(old, again.canonical, at)
    whole = again.completed(again.canonical[old.start : old.end], again.canonical[at : at + _AHEAD], old.type)
    if whole is None:
        return None
    new, length = whole
    return replace(new, start=at, end=at + length, confidence=min(new.confidence, _COMPLETED))


def _new_tail(old: Found, canonical: str, at: int) -> Found | None:
    """Put new digits in the place of the last ones: "555 0123, sorry, 0124"."""
    match = _DIGITS.match(canonical, at)
    digits = re.sub(r"\D", "", match.group()) if match else ""
    if match is None or not _LEAST_TAIL <= len(digits) <= min(_MOST_TAIL, len(old.value) - 2):
        return None
    value = old.value[: -len(digits)] + digits
    return Found(old.type, at, match.end(), value, 0.6)


def _in_short(near: list[Found], again: _Again, at: tuple[int, int, int]) -> Found | None:
    """Read the new words as what was just said: in "at three, sorry, four" the four is a time."""
    _, end, last = at
    types = tuple(dict.fromkeys(f.type for f in reversed(near)))
    found = [f for f in again.expecting(types) if end <= f.start <= last]
    best = max(found, key=lambda f: (-types.index(f.type), f.confidence, f.end), default=None)
    return best and replace(best, confidence=min(best.confidence, _COMPLETED))


def _without_echoes(found: list[Found], text: SpokenText, grammar: Grammar) -> list[Found]:
    """Leave out what is said again at once: "Tuesday, yes, Tuesday"."""
    kept: list[Found] = []
    for f in found:
        if kept and _is_echo(kept[-1], f) and grammar.retractions.echo.match(text.canonical[kept[-1].end : f.start]):
            kept.append(replace(f, confidence=max(f.confidence, kept.pop().confidence)))
        else:
            kept.append(f)
    return kept


def _is_echo(old: Found, new: Found) -> bool:
    return (old.type, old.value) == (new.type, new.value) and old.type not in _COUNTED
