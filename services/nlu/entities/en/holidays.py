"""Days with names: "Christmas Eve", "the Friday after Thanksgiving"."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from dateutil.easter import easter

from services.nlu.entities.calendar import nth_weekday
from services.nlu.entities.dates import Reading, Rule
from services.nlu.entities.en.calendar_words import WEEKDAY_NAME, WEEKDAYS, YEAR, full_year
from services.nlu.entities.en.date_counts import COUNT, count_of

_Yearly = Callable[[int], date]


def _fixed(month: int, day: int) -> _Yearly:
    return lambda year: date(year, month, day)


def _nth(nth: int, weekday: str, month: int, *, later: int = 0) -> _Yearly:
    def day(year: int) -> date:
        found = nth_weekday(WEEKDAYS[weekday], nth, date(year, month, 1))
        assert found is not None, "no feast is on a fifth weekday"
        return found + timedelta(days=later)

    return day


def _easter(later: int = 0) -> _Yearly:
    return lambda year: easter(year) + timedelta(days=later)


_DAYS: tuple[tuple[str, _Yearly], ...] = (
    (r"christmas eve|xmas eve", _fixed(12, 24)),
    (r"christmas(?: day)?|xmas(?: day)?", _fixed(12, 25)),
    (r"boxing day|st\.? stephen's day", _fixed(12, 26)),
    (r"new year'?s'? eve", _fixed(12, 31)),
    (r"new year'?s'? day|new year'?s?", _fixed(1, 1)),
    (r"valentine'?s'?(?: day)?", _fixed(2, 14)),
    (r"(?:st\.?|saint) patrick'?s'? day", _fixed(3, 17)),
    (r"juneteenth", _fixed(6, 19)),
    (r"independence day", _fixed(7, 4)),
    (r"hallow ?e'?en", _fixed(10, 31)),
    (r"bonfire night|guy fawkes(?: night)?", _fixed(11, 5)),
    (r"veterans'? day", _fixed(11, 11)),
    (r"thanksgiving(?: day)?", _nth(4, "thursday", 11)),
    (r"black friday", _nth(4, "thursday", 11, later=1)),
    (r"cyber monday", _nth(4, "thursday", 11, later=4)),
    (r"labou?r day", _nth(1, "monday", 9)),
    (r"memorial day", _nth(-1, "monday", 5)),
    (r"columbus day", _nth(2, "monday", 10)),
    (r"(?:martin luther king|mlk)(?: jr\.?| junior)?(?:'s)?(?: birth)?(?: ?day)?", _nth(3, "monday", 1)),
    (r"president'?s'? day", _nth(3, "monday", 2)),
    (r"mother'?s'? day", _nth(2, "sunday", 5)),
    (r"father'?s'? day", _nth(3, "sunday", 6)),
    (r"shrove tuesday|pancake day", _easter(-47)),
    (r"ash wednesday", _easter(-46)),
    (r"palm sunday", _easter(-7)),
    (r"good friday", _easter(-2)),
    (r"easter monday", _easter(1)),
    (r"easter(?: sunday)?", _easter()),
)
_COMPILED = tuple((re.compile(names), yearly) for names, yearly in _DAYS)
_NAMES = "|".join(names for names, _ in _DAYS)
_HOLIDAY = rf"(?:(?P<which>this|next|last) )?(?P<holiday>{_NAMES})(?!\w){YEAR}"


def _day_of(match: re.Match[str], today: date) -> date:
    """Return the named day: of the year that is said, else the coming one."""
    yearly = next(each for names, each in _COMPILED if names.fullmatch(match["holiday"]))
    if match["year"]:
        return yearly(full_year(match["year"]))
    this = yearly(today.year)
    if match["which"] == "last":
        return this if this < today else yearly(today.year - 1)
    return this if this >= today else yearly(today.year + 1)


def _named(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield _day_of(match, today), 0.95


def _beside(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Read "the day after Christmas", "two days before Easter", "a week after Thanksgiving"."""
    days = count_of(match["count"] or "a") * (7 if match["unit"].startswith("week") else 1)
    yield _day_of(match, today) + timedelta(days=days if match["side"] == "after" else -days), 0.93


def _weekday_beside(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Read "the Friday after Thanksgiving", "the Monday before Christmas"."""
    day, weekday = _day_of(match, today), WEEKDAYS[match["weekday"]]
    if match["side"] == "after":
        yield day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1), 0.93
    else:
        yield day - timedelta(days=(day.weekday() - weekday - 1) % 7 + 1), 0.93


RULES: tuple[Rule, ...] = (
    (rf"\b(?:the )?(?:{COUNT} )?(?P<unit>day|days|week|weeks) (?P<side>after|before) {_HOLIDAY}", _beside),
    (rf"\b(?:the )?(?P<weekday>{WEEKDAY_NAME}) (?P<side>after|before) {_HOLIDAY}", _weekday_beside),
    (rf"\b{_HOLIDAY}", _named),
)
"""Ordered: what is beside a day is tried before the day itself."""
