"""Days of a month: "the twenty fourth", "December third", "the first Monday in March", "the end of the month"."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import (
    built,
    century,
    coming,
    end_of_month,
    monday_of,
    next_days,
    next_month,
    next_month_day,
    nth_weekday,
    shifted,
)
from services.nlu.entities.dates import Guarded, Reading, Rule
from services.nlu.entities.en.calendar_words import (
    MONTH_NAME,
    MONTHS,
    ORDINAL,
    PLAIN_MONTHS,
    WEEKDAY_NAME,
    WEEKDAYS,
    YEAR,
    day_number,
    full_year,
)

_WEEKDAY_BEFORE = rf"(?:(?:this |next )?(?P<weekday>{WEEKDAY_NAME}),?(?: on)? )?"
_NO_DAY = (
    r"(?! (?:one|ones|time|of|floor|street|avenue|century|order|item|hour|option|choice|grade|appointment|visit"
    r"|call|person|line|message|email|letter|door|house|row|try|attempt|payment|class))"
)
_NTH = {"1st": 1, "second": 2, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1, "final": -1}
_RELATIVE = "the|this|next|the next|the following"
_WHICH_MONTH = rf"(?:(?P<month>{MONTH_NAME})|(?P<relative>{_RELATIVE}) month)"
_NO_VERB = r"(?! (?:i|we|be|have|not)\b)"
_NO_SUBJECT = "".join(f"(?<!{word} )" for word in ("i", "you", "he", "she", "we", "they", "it", "that", "who", "this"))
_CUES = ("on", "for", "by", "until", "till", "be", "is", "it's", "to", "mean", "meant", "said", "from", "and", "or")
"""Words behind which a bare ordinal is a day of the month."""
_EDGE = r"(?:the )?(?:very )?(?P<edge>end|beginning|start|middle|last day|1st day)"


def _iso(match: re.Match[str], _: date) -> Iterator[Reading]:
    day = built(int(match["year"]), int(match["month"]), int(match["day"]))
    if day is not None:
        yield day, 0.98


def _numeric(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Month first, as in the United States; the other order is an alternative."""
    one, two = int(match["one"]), int(match["two"])
    year = match["year"]
    readings = [(one, two), (two, one)] if one != two else [(one, two)]
    for month, number in readings:
        if year is None:
            day = next_month_day(month, number, today)
        else:
            full = full_year(year)
            day = built(century(full, today) if len(year) == 2 else full, month, number)
        if day is not None:
            yield day, 0.8


def _month_day(match: re.Match[str], today: date) -> Iterator[Reading]:
    month, number = MONTHS[match["month"].rstrip(".")], day_number(match["day"])
    yield from _checked(match, today, month, number)


def _day_of_numbered_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Read "the twelfth of the third"."""
    yield from ((day, 0.85) for day, _ in _checked(match, today, day_number(match["month"]), day_number(match["day"])))


def _checked(match: re.Match[str], today: date, month: int, number: int) -> Iterator[Reading]:
    year = match["year"]
    day = built(full_year(year), month, number) if year else next_month_day(month, number, today)
    if day is None:
        return
    weekday = match.groupdict().get("weekday")
    if weekday is None or day.weekday() == WEEKDAYS[weekday]:
        yield day, 0.97
    else:  # the weekday and the number contradict each other: ask
        yield day, 0.6
        yield coming(WEEKDAYS[weekday], today), 0.4


def _day_of_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    number = day_number(match["day"])
    weekday = match.groupdict().get("weekday")
    days = next_days(number, today)
    if "next" in (match.groupdict().get("relative") or ""):
        days = [day for day in days if (day.year, day.month) != (today.year, today.month)]
    if not days:
        return
    if weekday is None or days[0].weekday() == WEEKDAYS[weekday]:
        yield days[0], 0.9
        return
    agreeing = [day for day in days if day.weekday() == WEEKDAYS[weekday]]
    yield days[0], 0.6
    yield from ((day, 0.3) for day in (*agreeing[:1], coming(WEEKDAYS[weekday], today)))


def _nth_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Read "the first Monday in March", "the last Friday of the month"."""
    weekday, nth = WEEKDAYS[match["weekday"]], _NTH[match["nth"]]
    if match["year"] and match["month"]:
        months = [date(full_year(match["year"]), MONTHS[match["month"]], 1)]
    elif match["month"]:
        first = next_month(MONTHS[match["month"]], today)
        months = [first, shifted(first, months=12)]
    elif match["relative"] in {"the", "this"}:
        months = [today.replace(day=1), shifted(today.replace(day=1), months=1)]
    else:
        months = [shifted(today.replace(day=1), months=1)]
    days = [day for month in months if (day := nth_weekday(weekday, nth, month))]
    if days:
        yield next((day for day in days if day >= today), days[-1]), 0.95


def _edge_of_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    if match["month"]:
        first = next_month(MONTHS[match["month"]], today)
        if match["year"]:
            first = first.replace(year=full_year(match["year"]))
    else:
        first = shifted(
            today.replace(day=1), months=int("next" in match["relative"] or "following" in match["relative"])
        )
    edge = match["edge"]
    day = end_of_month(first) if edge in {"end", "last day"} else first.replace(day=15 if edge == "middle" else 1)
    if day < today and not match["month"]:  # the beginning of this month is over: the next one is meant
        following = shifted(first, months=1)
        day = following.replace(day=day.day)
    yield day, 0.9 if edge in {"last day", "1st day"} else 0.87


def _edge_of_year(match: re.Match[str], today: date) -> Iterator[Reading]:
    year = today.year + int("next" in match["relative"])
    edge = match["edge"]
    if edge in {"end", "last day"}:
        yield date(year, 12, 31), 0.82
    elif edge == "middle":
        yield date(year, 7, 1), 0.5
    else:
        yield date(year if date(year, 1, 1) >= today else year + 1, 1, 1), 0.7


def _edge_of_week(match: re.Match[str], today: date) -> Iterator[Reading]:
    """The end of a week is its Friday; some mean the Sunday."""
    monday = monday_of(today) + timedelta(days=7 if "next" in match["relative"] else 0)
    ends = {"end": (4, 6), "last day": (4, 6), "middle": (2,)}.get(match["edge"], (0,))
    days = [monday + timedelta(days=days) for days in ends]
    yield from ((day if day >= today else day + timedelta(days=7), 0.87) for day in days)


def _mid_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield next_month_day(MONTHS[match["month"]], 15, today) or today, 0.7


def _month_pattern(names: str, day: str) -> str:
    return rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<month>{names})\.?,? (?:the )?(?P<day>{day})\b{YEAR}(?![:\d])"


EXACT: tuple[Rule, ...] = (
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso),
    (r"(?<![\d/])(?P<one>\d{1,2})/(?P<two>\d{1,2})(?:/(?P<year>\d{4}|\d\d))?(?![\d/])", _numeric),
    (
        r"(?<!\d )\b(?P<one>\d{1,2}) slash (?P<two>\d{1,2})(?: slash (?P<year>(?:19|20) ?\d\d|\d\d))?\b",
        _numeric,
    ),
    (r"(?<![\d.-])(?P<one>\d{1,2})([.-])(?P<two>\d{1,2})\2(?P<year>20\d\d)(?![\d.-])", _numeric),
)
"""Dates in figures."""

_EDGES: tuple[Rule, ...] = (
    (
        rf"\b(?:the )?(?P<nth>{'|'.join(_NTH)}) (?P<weekday>{WEEKDAY_NAME}),? (?:in|of) {_WHICH_MONTH}{YEAR}\b",
        _nth_weekday,
    ),
    (rf"\b{_EDGE} (?:of|in) {_WHICH_MONTH}{YEAR}\b", _edge_of_month),
    (rf"\b{_EDGE} of (?P<relative>the|this|next|the next) year\b", _edge_of_year),
    (rf"\b{_EDGE} of (?P<relative>the|this|next|the next) week\b", _edge_of_week),
)

_IN_MONTHS: tuple[Rule, ...] = (
    (rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<day>{ORDINAL}|\d{{1,2}}) of (?P<month>{MONTH_NAME})\b\.?{YEAR}", _month_day),
    (
        rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<day>{ORDINAL}) of the (?P<month>(?:[1-9]|1[0-2])(?:st|nd|rd|th))\b{YEAR}",
        _day_of_numbered_month,
    ),
    (_month_pattern(MONTH_NAME, ORDINAL), _month_day),
    (_month_pattern(PLAIN_MONTHS, r"\d{1,2}"), _month_day),
    (rf"(?<=on )(?P<month>may|march) (?P<day>\d{{1,2}})\b{YEAR}(?![:\d])", _month_day),
    (rf"{_NO_SUBJECT}\b(?P<month>may|march) (?P<day>\d{{1,2}})\b{YEAR}(?=[.,!?]|$| (?:at|or|and)\b)", _month_day),
    (
        rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<day>{ORDINAL}|\d{{1,2}}) (?P<month>{MONTH_NAME})\b{_NO_VERB}{YEAR}",
        _month_day,
    ),
    (rf"\bmid[ -](?P<month>{MONTH_NAME})\b", _mid_month),
)

_IN_A_MONTH: tuple[Rule, ...] = (
    (
        rf"\b{_WEEKDAY_BEFORE}the (?P<day>{ORDINAL}) of (?P<relative>{_RELATIVE}) month\b",
        _day_of_month,
    ),
    (rf"\b(?P<relative>next) month,? (?:on )?the (?P<day>{ORDINAL})\b", _day_of_month),
    (
        rf"\b(?P<weekday>{WEEKDAY_NAME}),? (?:on )?the (?P<day>{ORDINAL}|\d{{1,2}})(?! of\b)\b(?! o'clock|[:\d])",
        _day_of_month,
    ),
)

RULES = (
    Guarded(rf"\b(?:{'|'.join(_NTH)}|end|beginning|start|middle|1st)\b", _EDGES),
    Guarded(rf"{MONTH_NAME}|of the \d", _IN_MONTHS),
    Guarded(rf"{ORDINAL}|day,? (?:on )?the \d", _IN_A_MONTH),
)
"""Days by their month, and the edges of months, years and weeks."""

LOOSE: tuple[Rule, ...] = (
    (
        rf"(?:{'|'.join(rf'(?<={cue} )' for cue in _CUES)})the (?P<day>{ORDINAL})\b{_NO_DAY}",
        _day_of_month,
    ),
    (rf"\bthe (?P<day>\d{{1,2}}(?:th|nd)|[23]\d(?:st|rd))\b{_NO_DAY}", _day_of_month),
    (r"^(?:the )?(?P<day>\d{1,2}(?:st|nd|rd|th))[.!]?$", _day_of_month),
)
"""Days by their number alone; tried after everything that says more."""
