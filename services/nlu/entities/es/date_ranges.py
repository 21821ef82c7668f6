"""Stretches of days: "del lunes al miércoles", "la próxima semana", "del tres al diez de marzo"."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import built, end_of_month, monday_of, next_month, next_month_day, shifted
from services.nlu.entities.es.births import BIRTHS
from services.nlu.entities.es.calendar_words import MONTH, MONTHS
from services.nlu.entities.es.dates import read_dates
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_Span = tuple[date, date]
_Builder = Callable[[re.Match[str], date], _Span | None]

_FRAMES = re.compile(r"\b(?:del?|desde|entre)\b")
_FROM = re.compile(r"\b(?:del|desde el|de|entre el|entre) $")
_JOINT = re.compile(r"^ (?:al|hasta el|a|y el|y) $")
_MOVED = re.compile(r"\b(?:mover|mueva|cambi\w+|pas[ae]r?\w*|reprogram\w+|correr|adelant\w+|aplaz\w+)\b")
_AHEAD = {
    "que viene": 1,
    "próxima": 1,
    "proxima": 1,
    "próximo": 1,
    "proximo": 1,
    "entrante": 1,
    "pasada": -1,
    "pasado": -1,
}


def read_date_ranges(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find stretches of days; a value is its first and its last day: "2026-11-23/2026-11-25"."""
    today = context.reference.date()
    taken: list[tuple[int, int]] = []
    for pattern, builder, confidence in _RULES:
        for match in pattern.finditer(text.canonical):
            span = builder(match, today)
            if span and not any(match.start() < end and start < match.end() for start, end in taken):
                taken.append(match.span())
                yield Found("date_range", match.start(), match.end(), _written(*span), confidence)
    yield from BIRTHS.ranges(text, context)
    if not _MOVED.search(text.canonical):
        yield from _between(text, context)


def _between(text: SpokenText, context: Context) -> Iterator[Found]:
    if not _FRAMES.search(text.canonical):
        return
    dates = sorted(read_dates(text, context), key=lambda f: f.start)
    for one, other in itertools.pairwise(dates):
        frame = _FROM.search(text.canonical, 0, one.start)
        if frame and _JOINT.match(text.canonical[one.end : other.start]):
            start, end = date.fromisoformat(one.value), date.fromisoformat(other.value)
            while end < start:
                end += timedelta(days=7)
            yield Found("date_range", frame.start(), other.end, _written(start, end), 0.96)


def _written(start: date, end: date) -> str:
    return f"{start.isoformat()}/{end.isoformat()}"


def _week(match: re.Match[str], today: date) -> _Span:
    weeks = _AHEAD.get(match["before"] or match["behind"] or "", 0)
    monday = monday_of(today) + timedelta(weeks=weeks)
    return (max(monday, today) if weeks == 0 else monday), monday + timedelta(days=6)


def _weekend(match: re.Match[str], today: date) -> _Span:
    saturday = monday_of(today) + timedelta(weeks=_AHEAD.get(match["behind"] or match["before"] or "", 0), days=5)
    return saturday, saturday + timedelta(days=1)


def _month(match: re.Match[str], today: date) -> _Span:
    months = _AHEAD.get(match["before"] or match["behind"] or "", 0)
    first = shifted(today.replace(day=1), months=months)
    return (max(first, today) if months == 0 else first), end_of_month(first)


def _named_month(match: re.Match[str], today: date) -> _Span:
    first = next_month(MONTHS[match["month"]], today)
    begin, end = {"principios": (1, 10), "comienzos": (1, 10), "mediados": (11, 20)}.get(match["part"] or "", (1, 0))
    if match["part"] in {"fines", "finales"}:
        begin = 21
    return first.replace(day=begin), first.replace(day=end) if end else end_of_month(first)


def _week_of_month(match: re.Match[str], today: date) -> _Span:
    """Read "la primera semana de diciembre", "la última semana del mes que viene"."""
    first = next_month(MONTHS[match["month"]], today) if match["month"] else shifted(today.replace(day=1), months=1)
    week = _WEEKS[match["nth"]]
    if week == 0:
        last = end_of_month(first)
        return last - timedelta(days=6), last
    return first.replace(day=7 * week - 6), first.replace(day=7 * week)


def _days_of_month(match: re.Match[str], today: date) -> _Span | None:
    month = MONTHS[match["month"]]
    first = next_month_day(month, int(match["one"]), today)
    last = built(first.year, month, int(match["two"])) if first else None
    return (first, last) if first and last and first <= last else None


_WEEKS = {"1ª": 1, "primera": 1, "2ª": 2, "segunda": 2, "3ª": 3, "tercera": 3, "4ª": 4, "cuarta": 4, "última": 0}
_BEFORE = r"(?:(?P<before>próxim[ao]|proxim[ao]) )?"
_BEHIND = r"(?: (?P<behind>que viene|próxim[ao]|proxim[ao]|entrante|pasad[ao]))?"
_ONE, _TWO = r"(?P<one>\d{1,2})º?", r"(?P<two>\d{1,2})"
_RULES: tuple[tuple[re.Pattern[str], _Builder, float], ...] = tuple(
    (re.compile(pattern), builder, confidence)
    for pattern, builder, confidence in (
        (
            rf"\b(?:del?|entre el|desde el) {_ONE} (?:al?|y el|hasta el) {_TWO} de (?P<month>{MONTH})\b",
            _days_of_month,
            0.97,
        ),
        (
            rf"\bla (?P<nth>{'|'.join(_WEEKS)}) semana (?:del mes que viene|del próximo mes|de (?P<month>{MONTH}))\b",
            _week_of_month,
            0.93,
        ),
        (rf"\b(?:la|esta) {_BEFORE}semana\b{_BEHIND}(?! el\b| en\b)", _week, 0.85),
        (rf"\b(?:el|este) {_BEFORE}fin de semana\b{_BEHIND}", _weekend, 0.85),
        (rf"\b(?:el|este) {_BEFORE}mes\b{_BEHIND}", _month, 0.85),
        (
            rf"\b(?:en|(?:a|de) (?P<part>principios|comienzos|mediados|fines|finales) de) (?P<month>{MONTH})\b(?! \d)",
            _named_month,
            0.8,
        ),
    )
)
