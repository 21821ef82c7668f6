"""Dates as they are spoken: "next Tuesday", "the twenty fourth", "in two weeks"."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import built, coming, monday_of, next_days, next_month_day, shifted
from services.nlu.entities.dates import Builder, DateReader, Reading
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_WEEKDAYS = {
    name: index
    for index, names in enumerate(
        (
            "monday mon",
            "tuesday tues tue",
            "wednesday weds wed",
            "thursday thurs thur thu",
            "friday fri",
            "saturday sat",
            "sunday sun",
        )
    )
    for name in names.split()
}
_MONTHS = {
    name: index
    for index, names in enumerate(
        (
            "january jan",
            "february feb",
            "march",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
_VERBS = frozenset({"march", "may"})
_FULL_DAY = "|".join(name for name in _WEEKDAYS if name.endswith("day"))
_SHORT_DAY = r"mon|tues?|weds?|thu(?:rs?)?|fri|sat|sun"
_DAY_NAME = (
    rf"(?:{_FULL_DAY}|(?<=on )(?:{_SHORT_DAY})|(?<=next )(?:{_SHORT_DAY})|(?<=this )(?:{_SHORT_DAY})|tues?|thurs?)"
)
_MONTH_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ORDINAL = r"(?:\d{1,2}(?:st|nd|rd|th)|second)"
_YEAR = r"(?:,? (?:of )?(?P<year>(?:19|20)\d\d|20 ?\d\d))?"
_NUMBERS = {"a": 1, "an": 1, "a couple of": 2, "couple of": 2}
_COUNT = r"(?P<count>\d{1,3}|an?|a couple of|couple of)"
_NO_DAY = r"(?! (?:one|time|of|floor|street|avenue|century|order|item|hour))"
_WEEKDAY_BEFORE = rf"(?:(?P<weekday>{_DAY_NAME}),?(?: on)? )?"

_HEARD = {
    "thirsty": 3,
    "thursie": 3,
    "thirsday": 3,
    "thirst day": 3,
    "choose day": 1,
    "chews day": 1,
    "wends day": 2,
    "wensday": 2,
    "when's day": 2,
    "fried day": 4,
    "fry day": 4,
    "saturn day": 5,
    "sadder day": 5,
    "son day": 6,
    "sun day": 6,
}
"""What recognisers write for a weekday that was not spoken clearly."""

_HEARD_RULE = re.compile(
    rf"(?:^|\b(?:said|say|meant?|on|next|this|for|until|by|make it|not),? )(?P<heard>{'|'.join(_HEARD)})\b"
)


def _misheard(text: SpokenText, today: date) -> Iterator[Found]:
    """Find words that stand for a weekday where one is likely: "no, I said thirsty"."""
    for match in _HEARD_RULE.finditer(text.canonical):
        day = coming(_HEARD[match["heard"]], today)
        yield Found("date", match.start("heard"), match.end("heard"), day.isoformat(), 0.65)


def _full_year(text: str) -> int:
    return int(text.replace(" ", ""))


def _iso(match: re.Match[str], _: date) -> Iterator[Reading]:
    day = built(int(match["year"]), int(match["month"]), int(match["day"]))
    if day is not None:
        yield day, 0.98


def _slashed(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Month first, as in the United States; the other order is an alternative."""
    one, two = int(match["one"]), int(match["two"])
    year = match["year"]
    readings = [(one, two), (two, one)] if one != two else [(one, two)]
    for month, number in readings:
        if year is None:
            day = next_month_day(month, number, today)
        else:
            day = built(int(year) + (2000 if len(year) == 2 else 0), month, number)
        if day is not None:
            yield day, 0.8


def _month_day(match: re.Match[str], today: date) -> Iterator[Reading]:
    month = _MONTHS[match["month"].rstrip(".")]
    number = _day_number(match["day"])
    year = match["year"]
    day = built(_full_year(year), month, number) if year else next_month_day(month, number, today)
    if day is None:
        return
    weekday = match.groupdict().get("weekday")
    if weekday is None or day.weekday() == _WEEKDAYS[weekday]:
        yield day, 0.97
    else:  # the weekday and the number contradict each other: ask
        yield day, 0.6
        yield coming(_WEEKDAYS[weekday], today), 0.4


def _day_number(text: str) -> int:
    return 2 if text == "second" else int(re.sub(r"\D", "", text))


def _day_of_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    number = _day_number(match["day"])
    weekday = match.groupdict().get("weekday")
    days = next_days(number, today)
    if match.groupdict().get("next_month"):
        days = [day for day in days if (day.year, day.month) != (today.year, today.month)]
    if not days:
        return
    if weekday is None or days[0].weekday() == _WEEKDAYS[weekday]:
        yield days[0], 0.9
        return
    agreeing = [day for day in days if day.weekday() == _WEEKDAYS[weekday]]
    yield days[0], 0.6
    yield from ((day, 0.3) for day in (*agreeing[:1], coming(_WEEKDAYS[weekday], today)))


def _weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = _WEEKDAYS[match["weekday"]]
    soon = coming(weekday, today)
    monday = monday_of(today)
    following = monday + timedelta(days=7 + weekday)
    which = match["which"]
    if which is None or which == "coming":
        yield soon, 0.95 if weekday != today.weekday() else 0.8
        if weekday == today.weekday():
            yield today, 0.2
    elif which == "this":
        in_this_week = monday + timedelta(days=weekday)
        yield (in_this_week if in_this_week >= today else soon), 0.9
    else:  # "next": the one of next week; some mean the coming one
        yield following, 0.9 if soon == following else 0.75
        yield soon, 0.25


def _weekday_later(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "A week from Tuesday", "Tuesday in two weeks", "Tuesday after next": counted from the coming one."""
    count = match.groupdict().get("count")
    yield coming(_WEEKDAYS[match["weekday"]], today) + timedelta(weeks=1 if count is None else _count(count)), 0.85


def _weekday_next_week(match: re.Match[str], today: date) -> Iterator[Reading]:
    monday = monday_of(today)
    yield monday + timedelta(days=7 + _WEEKDAYS[match["weekday"]]), 0.95


def _last_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = _WEEKDAYS[match["weekday"]]
    yield today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1), 0.9


def _count(text: str) -> int:
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _shifted(today: date, count: int, unit: str) -> date:
    return shifted(today, **{unit.rstrip("s") + "s": count})


def _in(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield _shifted(today, _count(match["count"]), match["unit"]), 0.9


def _ago(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield _shifted(today, -_count(match["count"]), match["unit"]), 0.9


def _named(days: int) -> Builder:
    def build(_: re.Match[str], today: date) -> Iterator[Reading]:
        yield today + timedelta(days=days), 0.97

    return build


def _month_pattern(names: str, day: str) -> str:
    return rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<month>{names})\.?,? (?:the )?(?P<day>{day})\b{_YEAR}(?![:\d])"


_PLAIN_MONTHS = "|".join(name for name in _MONTH_NAME.split("|") if name not in _VERBS)
_RULES: tuple[tuple[str, Builder], ...] = (
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso),
    (r"(?<![\d/])(?P<one>\d{1,2})/(?P<two>\d{1,2})(?:/(?P<year>\d{4}|\d\d))?(?![\d/])", _slashed),
    (
        rf"\b{_WEEKDAY_BEFORE}(?:the )?(?P<day>{_ORDINAL}|\d{{1,2}}) of (?P<month>{_MONTH_NAME})\b\.?{_YEAR}",
        _month_day,
    ),
    (_month_pattern(_MONTH_NAME, _ORDINAL), _month_day),
    (_month_pattern(_PLAIN_MONTHS, r"\d{1,2}"), _month_day),
    (rf"(?<=on )(?P<month>may|march) (?P<day>\d{{1,2}})\b{_YEAR}(?![:\d])", _month_day),
    (rf"\b(?P<day>{_ORDINAL}|\d{{1,2}}) (?P<month>{_MONTH_NAME})\b(?! (?:i|we|be|have|not)\b){_YEAR}", _month_day),
    (r"\bthe day after tomorrow\b|\bday after tomorrow\b", _named(2)),
    (r"\bthe day before yesterday\b", _named(-2)),
    (rf"\b{_COUNT} weeks? (?:from|on|after) (?:this |next )?(?P<weekday>{_DAY_NAME})\b", _weekday_later),
    (rf"\b(?P<weekday>{_DAY_NAME}) in {_COUNT} weeks?(?: time)?\b", _weekday_later),
    (rf"\b(?P<weekday>{_DAY_NAME}) after next\b", _weekday_later),
    (rf"\b(?P<weekday>{_DAY_NAME}),? (?:of |the )?next week\b", _weekday_next_week),
    (rf"\bnext week,? (?:on )?(?P<weekday>{_DAY_NAME})\b", _weekday_next_week),
    (rf"\blast (?P<weekday>{_DAY_NAME})\b", _last_weekday),
    (
        rf"\b(?P<weekday>{_DAY_NAME}),? (?:on )?the (?P<day>{_ORDINAL}|\d{{1,2}})(?! of\b)\b(?! o'clock|[:\d])",
        _day_of_month,
    ),
    (r"\bthe (?P<day>\d{1,2}(?:st|nd|rd|th)) (?P<next_month>of next month)\b", _day_of_month),
    (
        rf"\b(?:on|for|by|until|be|is|to|meant?|said|it's) the (?P<day>{_ORDINAL})\b{_NO_DAY}",
        _day_of_month,
    ),
    (
        rf"\bthe (?P<day>\d{{1,2}}(?:th|nd))\b{_NO_DAY}",
        _day_of_month,
    ),
    (r"^(?:the )?(?P<day>\d{1,2}(?:st|nd|rd|th))[.!]?$", _day_of_month),
    (rf"\b(?:(?P<which>this|next|coming),? (?:coming )?)?(?P<weekday>{_DAY_NAME})\b(?!s)", _weekday),
    (rf"\bin {_COUNT} (?P<unit>days?|weeks?|months?)(?: time)?\b", _in),
    (rf"\b{_COUNT} (?P<unit>days?|weeks?|months?) from (?:now|today)\b", _in),
    (rf"\b{_COUNT} (?P<unit>days?|weeks?|months?) ago\b", _ago),
    (r"\btomorrow\b(?! never)", _named(1)),
    (r"\byesterday\b", _named(-1)),
    (r"\btoday\b|\btonight\b|\bthis (?:morning|afternoon|evening)\b", _named(0)),
)

_read_plain = DateReader(_RULES)


def read_dates(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find dates; a value is ISO 8601, alternatives are the other days the words may mean."""
    yield from _read_plain(text, context)
    yield from _misheard(text, context.reference.date())
