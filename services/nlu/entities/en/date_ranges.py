"""Stretches of days: "from Monday to Wednesday", "next week", "the third to the tenth of March"."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import (
    built,
    end_of_month,
    monday_of,
    next_days,
    next_month,
    next_month_day,
    shifted,
)
from services.nlu.entities.en.births import BIRTHS
from services.nlu.entities.en.calendar_words import (
    MONTH_NAME,
    MONTHS,
    ORDINAL,
    WEEKDAY_NAME,
    YEAR,
    day_number,
    full_year,
)
from services.nlu.entities.en.date_counts import COUNT, UNIT, count_of, moved
from services.nlu.entities.en.dates import read_dates
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_Span = tuple[date, date]
_Builder = Callable[[re.Match[str], date], _Span | None]

_JOINT = re.compile(r"^,? (?:to|until|till|through|thru|up to) (?:the )?$|^ ?[-\u2013] ?$")
_AND = re.compile(r"^,? and (?:the )?$")
_BARE_DAY = re.compile(rf"(?:the )?(?P<day>{ORDINAL})")
_FROM = re.compile(r"\b(?:from|between) (?:the )?$")
_BETWEEN = re.compile(r"\bbetween (?:the )?$")
_MOVED = re.compile(r"\b(?:move|moved|moving|change|changed|changing|switch|reschedule|push|shift|bring)\b")


def read_date_ranges(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find stretches of days; a value is its first and its last day: "2026-11-23/2026-11-25"."""
    today = context.reference.date()
    taken: list[tuple[int, int]] = []
    months = _MONTH.search(text.canonical) is not None
    for pattern, builder, confidence in _RULES if months else _MONTHLESS:
        for match in pattern.finditer(text.canonical):
            span = builder(match, today)
            if span and not any(match.start() < end and start < match.end() for start, end in taken):
                taken.append(match.span())
                yield Found("date_range", match.start(), match.end(), _written(*span), confidence)
    yield from BIRTHS.ranges(text, context)
    if not _MOVED.search(text.canonical):
        yield from _between(text, context)


def _between(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find two dates with "to", "until" or "and" between them."""
    canonical = text.canonical
    if not any(
        word in canonical for word in (" to ", " until ", " till ", " through ", " thru ", " and ", "-", "\u2013")
    ):
        return
    dates = sorted(read_dates(text, context), key=lambda f: f.start)
    for one, other in itertools.pairwise(dates):
        gap = canonical[one.end : other.start]
        frame = _FROM.search(canonical[: one.start])
        if _JOINT.match(gap) or (_AND.match(gap) and _BETWEEN.search(canonical[: one.start])):
            start, end = date.fromisoformat(one.value), date.fromisoformat(other.value)
            end = _not_before(start, end, canonical[other.start : other.end])
            if end < start:
                continue
            begin = frame.start() if frame else one.start
            yield Found("date_range", begin, other.end, _written(start, end), 0.96 if frame else 0.93)


def _not_before(start: date, end: date, words: str) -> date:
    """Return the end that a weekday or a bare day means behind the beginning."""
    number = _BARE_DAY.fullmatch(words)
    if number:
        day = built(start.year, start.month, day_number(number["day"]))
        return day if day and day >= start else next_days(day_number(number["day"]), start)[0]
    if end < start and re.fullmatch(WEEKDAY_NAME, words):
        return end + timedelta(days=-((end - start).days // 7) * 7)
    return end


def _written(start: date, end: date) -> str:
    return f"{start.isoformat()}/{end.isoformat()}"


def _week(match: re.Match[str], today: date) -> _Span:
    which = match["which"]
    weeks = {"next": 1, "the following": 1, "last": -1, "the week after next": 2}.get(which, 0)
    monday = monday_of(today) + timedelta(weeks=weeks)
    return (max(monday, today) if weeks == 0 else monday), monday + timedelta(days=6)


def _weekend(match: re.Match[str], today: date) -> _Span:
    weeks = {"next": 1, "after next": 2, "last": -1}.get(match["which"] or "", 0)
    saturday = monday_of(today) + timedelta(weeks=weeks, days=5)
    return saturday, saturday + timedelta(days=1)


def _month(match: re.Match[str], today: date) -> _Span:
    months = {"next": 1, "the following": 1, "last": -1}.get(match["which"], 0)
    first = shifted(today.replace(day=1), months=months)
    return (max(first, today) if months == 0 else first), end_of_month(first)


def _named_month(match: re.Match[str], today: date) -> _Span:
    first = next_month(MONTHS[match["month"]], today)
    if match["year"]:
        first = first.replace(year=full_year(match["year"]))
    last = end_of_month(first)
    if match["last"]:
        return last - timedelta(days=6), last
    begin, end = _PARTS.get(match["part"] or "", (1, 0))
    return first.replace(day=begin), first.replace(day=end) if end else last


def _year(match: re.Match[str], today: date) -> _Span:
    year = today.year + {"next": 1, "last": -1}.get(match["which"], 0)
    return (today if year == today.year else date(year, 1, 1)), date(year, 12, 31)


def _next_days(match: re.Match[str], today: date) -> _Span:
    """Read "the next three days": from tomorrow on."""
    last = moved(today, count_of(match["count"]), match["unit"])
    return today + timedelta(days=1), last


def _week_of(match: re.Match[str], today: date) -> _Span:
    monday = monday_of(next_days(day_number(match["day"]), today)[0])
    return monday, monday + timedelta(days=6)


def _named_year(match: re.Match[str], _: date) -> _Span:
    year = full_year(match["year"])
    return date(year, 1, 1), date(year, 12, 31)


def _days_of_month(match: re.Match[str], today: date) -> _Span | None:
    """Read "the third to the tenth of March", "March third to tenth"."""
    month, number = MONTHS[match["month"]], day_number(match["one"])
    year = match["year"]
    first = built(full_year(year), month, number) if year else next_month_day(month, number, today)
    if first is None:
        return None
    last = built(first.year, month, day_number(match["two"]))
    return (first, last) if last and first <= last else None


def _bare_days(match: re.Match[str], today: date) -> _Span:
    """Read "the ninth to the eleventh"."""
    first = next_days(day_number(match["one"]), today)[0]
    return first, next_days(day_number(match["two"]), first)[0]


def _in_counts(match: re.Match[str], today: date) -> _Span:
    first, last = (moved(today, count_of(match[name]), match["unit"]) for name in ("count", "other"))
    return first, last


_FRAME = "(?:from |between )?"
_ONE, _TWO = (rf"(?P<{name}>{ORDINAL}|\d\d?)" for name in ("one", "two"))
_DAY = r"(?:[1-9]|[12]\d|3[01])(?:st|nd|rd|th)"
_UNTIL = " (?:to|until|till|through|thru) (?:the )?"
_PARTS = {"early": (1, 10), "late": (21, 0), "1st half of": (1, 15), "second half of": (16, 0)}
_PARTS |= {
    f"{nth} week of": (1 + 7 * weeks, 7 + 7 * weeks) for weeks, nth in enumerate(("1st", "second", "3rd", "4th"))
}
"""First and last day of the parts of a month; 0 is its last day."""
_DURING = f"(?:in |during |sometime in |(?=(?:the )?(?:last week|{'|'.join(_PARTS)})))"
_PART = f"(?:(?:the )?(?:(?P<part>{'|'.join(_PARTS)})|(?P<last>last week of)) )?"
_TO = r" (?:to|until|till|through|thru|and) (?:the )?"
_RULES: tuple[tuple[re.Pattern[str], _Builder, float], ...] = tuple(
    (re.compile(pattern), builder, confidence)
    for pattern, builder, confidence in (
        (
            rf"\b{_FRAME}(?:the )?{_ONE}{_TO}{_TWO} (?:of )?(?P<month>{MONTH_NAME})\b{YEAR}",
            _days_of_month,
            0.97,
        ),
        (
            rf"\b{_FRAME}(?P<month>{MONTH_NAME}) (?:the )?{_ONE}{_TO}{_TWO}\b(?! (?:of|{MONTH_NAME})\b){YEAR}",
            _days_of_month,
            0.97,
        ),
        (rf"\b{_FRAME}(?:the )?(?P<one>{_DAY}){_UNTIL}(?P<two>{_DAY})\b(?! of\b)", _bare_days, 0.93),
        (rf"\bin {COUNT} to (?P<other>\d{{1,2}}) {UNIT}\b", _in_counts, 0.95),
        (rf"\bthe (?:next|coming) (?P<count>\d{{1,2}}|couple of) {UNIT}\b", _next_days, 0.9),
        (rf"\bthe week of (?:the )?(?P<day>{_DAY})\b(?! of\b)", _week_of, 0.93),
        (r"\b(?P<which>the week after next)\b", _week, 0.9),
        (
            r"\b(?:some ?time |early |late |any ?time )?(?P<which>this|next|last|the following) week\b(?! of)",
            _week,
            0.85,
        ),
        (r"\b(?:(?P<which>this|next|last) (?:coming )?|(?:at|on|over) the )weekend\b", _weekend, 0.85),
        (r"\bthe weekend (?P<which>after next)\b", _weekend, 0.85),
        (r"\b(?P<which>this|next|last|the following) month\b", _month, 0.85),
        (r"\b(?P<which>this|next|last) year\b", _year, 0.8),
        (r"\bin (?:the year )?(?P<year>(?:19|20) ?\d\d)\b(?! ?\d)", _named_year, 0.8),
        (rf"\b(?P<part>)(?P<last>)(?P<month>{MONTH_NAME}),? (?P<year>(?:19|20) ?\d\d)\b(?! ?\d)", _named_month, 0.85),
        (
            rf"\b{_DURING}{_PART}(?P<month>{MONTH_NAME})\b(?! (?:the )?\d{{1,2}}(?!\d)){YEAR}",
            _named_month,
            0.8,
        ),
    )
)
_MONTH = re.compile(MONTH_NAME)
_MONTHLESS = tuple(rule for rule in _RULES if "(?P<month>" not in rule[0].pattern)
