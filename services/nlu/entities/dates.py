"""What the dates of all languages share: rules tried in order, their readings as ISO 8601."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

Reading = tuple[date, float]
"""A day that words may mean, and how likely they do."""

Builder = Callable[[re.Match[str], date], Iterable[Reading]]
"""Returns the readings of a match, the likeliest first; the date is the speaker's today."""


class DateReader:
    """Finds dates; a value is ISO 8601, alternatives are the other days the words may mean."""

    def __init__(self, rules: Iterable[tuple[str, Builder]]) -> None:
        """Take patterns for canonical text; where two match the same words, the earlier one counts."""
        self._rules = [(re.compile(pattern), builder) for pattern, builder in rules]

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find dates."""
        today = context.reference.date()
        taken: list[tuple[int, int]] = []
        for pattern, builder in self._rules:
            for match in pattern.finditer(text.canonical):
                if any(match.start() < end and start < match.end() for start, end in taken):
                    continue
                readings = list(builder(match, today))
                if readings:
                    taken.append(match.span())
                    yield _found(match, readings)


def _found(match: re.Match[str], readings: list[Reading]) -> Found:
    (first, confidence), *others = readings
    values = dict.fromkeys(day.isoformat() for day, _ in others)
    values.pop(first.isoformat(), None)
    end = match.start() + len(match.group().rstrip(" .,"))
    return Found("date", match.start(), end, first.isoformat(), confidence, tuple(values))
