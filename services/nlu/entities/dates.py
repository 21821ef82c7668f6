"""What the dates of all languages share: rules tried in order, their readings as ISO 8601."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

Reading = tuple[date, float]
"""A day that words may mean, and how likely they do."""

Builder = Callable[[re.Match[str], date], Iterable[Reading]]
"""Returns the readings of a match, the likeliest first; the date is the speaker's today."""

Rule = tuple[str, Builder]
"""A pattern for canonical text, and what its matches mean."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Rules that can match only where a simple pattern does: looking for that first saves time."""

    guard: str
    rules: tuple[Rule, ...]


class DateReader:
    """Finds dates; a value is ISO 8601, alternatives are the other days the words may mean."""

    def __init__(self, rules: Iterable[Rule | Guarded]) -> None:
        """Take patterns for canonical text; where two match the same words, the earlier one counts."""
        self._groups: list[tuple[re.Pattern[str], list[tuple[re.Pattern[str], Builder]]]] = []
        for group in rules:
            guard, own = (group.guard, group.rules) if isinstance(group, Guarded) else ("", (group,))
            self._groups.append((re.compile(guard), [(re.compile(pattern), builder) for pattern, builder in own]))

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find dates."""
        today = context.reference.date()
        taken: list[tuple[int, int]] = []
        for pattern, builder in self._applicable(text.canonical):
            for match in pattern.finditer(text.canonical):
                if any(match.start() < end and start < match.end() for start, end in taken):
                    continue
                readings = list(builder(match, today))
                if readings:
                    taken.append(match.span())
                    yield _found(match, readings)

    def _applicable(self, canonical: str) -> Iterator[tuple[re.Pattern[str], Builder]]:
        for guard, rules in self._groups:
            if guard.search(canonical):
                yield from rules


def _found(match: re.Match[str], readings: list[Reading]) -> Found:
    (first, confidence), *others = readings
    values = dict.fromkeys(day.isoformat() for day, _ in others)
    values.pop(first.isoformat(), None)
    end = match.start() + len(match.group().rstrip(" .,"))
    return Found("date", match.start(), end, first.isoformat(), confidence, tuple(values))
