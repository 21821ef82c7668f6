"""Dates of birth: they are never in the future, and their years are said short: "March third eighty five"."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from services.nlu.entities.calendar import built, end_of_month, shifted
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NEAR = 30
"""Characters between a word of birth and its date, at most."""
_OLD = 40
"""A short year from here on is one of the past century even where nothing is said of a birth: "March third 85"."""
_NO_YEAR = 0.62
"""Confidence of a date of birth without its year, or of one to come."""

_FIGURE = re.compile(r"\d")


class BirthReader:
    """Finds dates of birth, and days of years that are long over.

    Groups of the patterns: `day` and `month` in digits or a name, `year`; `one`, `two`, `year` of dates in figures.
    """

    def __init__(
        self,
        *,
        cue: str,
        stop: str,
        dates: Iterable[str],
        figures: str,
        months: str,
        years: str,
        names: Mapping[str, int],
        zero: str,
        day_first: bool,
    ) -> None:
        """Say how a language tells of births; all patterns are for canonical text.

        Args:
            cue: stands before a date of birth: "born".
            stop: says that what is behind it is another date: "appointment".
            dates: days of a month with a short or a full year.
            figures: three numbers in a row.
            months: a month with its year.
            years: a year by itself.
            names: months by name.
            zero: the word for 0 in a short year: "oh 2".
            day_first: whether the day stands before the month in figures.
        """
        self._cue, self._stop = re.compile(cue), re.compile(stop)
        self._dates = [re.compile(pattern) for pattern in dates]
        self._figures, self._months, self._years = (re.compile(pattern) for pattern in (figures, months, years))
        self._names, self._zero, self._day_first = names, re.compile(zero), day_first

    def told(self, canonical: str, start: int) -> bool:
        """Say whether what begins there is a day of birth: a word of birth stands closely before it."""
        cues = [match.end() for match in self._cue.finditer(canonical, 0, start)]
        return bool(cues) and start - cues[-1] <= _NEAR and not self._stop.search(canonical, cues[-1], start)

    def backwards(self, found: Found, today: date) -> Found:
        """Return a day of birth that was said without its year as the latest such day, which is doubtful."""
        day = date.fromisoformat(found.value)
        if day <= today:
            return found
        past = shifted(day, months=-12)
        return replace(found, value=min(past, today).isoformat(), confidence=_NO_YEAR)

    def dates(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find days; a value is ISO 8601."""
        canonical, today = text.canonical, context.reference.date()
        if not _FIGURE.search(canonical):
            return
        for pattern in self._dates:
            for match in pattern.finditer(canonical):
                told = self.told(canonical, match.start())
                year = self._year(match["year"], today)
                day = built(year, self._month(match["month"]), _number(match["day"]))
                if day is not None and day <= today and (told or self._is_old(match["year"])):
                    yield Found("date", match.start(), match.end(), day.isoformat(), 0.97 if told else 0.9)
        for match in self._figures.finditer(canonical) if self._cue.search(canonical) else ():
            if self.told(canonical, match.start()):
                yield from self._in_figures(match, today)

    def ranges(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find months and years of births; a value is their first and their last day."""
        canonical, today = text.canonical, context.reference.date()
        if not self._cue.search(canonical):
            return
        for match in (*self._months.finditer(canonical), *self._years.finditer(canonical)):
            if not self.told(canonical, match.start()):
                continue
            month = self._month(match["month"]) if "month" in match.re.groupindex else 0
            first = date(self._year(match["year"], today), month or 1, 1)
            last = end_of_month(first) if month else first.replace(month=12, day=31)
            if first <= today:
                yield Found("date_range", match.start(), match.end(), f"{first}/{last}", 0.85)

    def _in_figures(self, match: re.Match[str], today: date) -> Iterator[Found]:
        year = self._year(match["year"], today)
        pairs = [(_number(self._digits(match["one"])), _number(self._digits(match["two"])))]
        pairs += [(two, one) for one, two in pairs if one != two]
        days = [built(year, *(pair[::-1] if self._day_first else pair)) for pair in pairs]
        values = [day.isoformat() for day in days if day is not None and day <= today]
        if values:
            yield Found("date", match.start(), match.end(), values[0], 0.9, tuple(values[1:]))

    def _digits(self, words: str) -> str:
        return re.sub(r"\D", "", self._zero.sub("0", words))

    def _month(self, name: str) -> int:
        return self._names.get(name.rstrip(".")) or _number(name)

    def _year(self, words: str, today: date) -> int:
        """Return the year of "1985", "19 85", "85" and "oh 2": of two digits the latest that is not to come."""
        digits = self._digits(words)
        if len(digits) > 2:
            return int(digits)
        year = today.year - today.year % 100 + int(digits)
        return year if year <= today.year else year - 100

    def _is_old(self, words: str) -> bool:
        digits = self._digits(words)
        return len(digits) == 2 and int(digits) >= _OLD


def _number(words: str) -> int:
    return 2 if words == "second" else int(re.sub(r"\D", "", words))
