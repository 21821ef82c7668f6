"""Weekdays and days counted from today: "next Tuesday", "a week on Friday", "in two weeks", "this weekend"."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import coming, monday_of
from services.nlu.entities.dates import Builder, Reading, Rule
from services.nlu.entities.en.calendar_words import WEEKDAY_NAME, WEEKDAYS
from services.nlu.entities.en.date_counts import COUNT, TIME, UNIT, count_of, moved

_WEEKS = rf"(?:{COUNT} weeks?|(?P<fortnight>a fortnight))"
_AROUND = r"(?:about |around |roughly |like |maybe |approximately )?"
_DAY_WORDS = {"today": 0, "tomorrow": 1, "yesterday": -1, "now": 0}


def _weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = WEEKDAYS[match["weekday"]]
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


def _weeks(match: re.Match[str]) -> timedelta:
    groups = match.groupdict()
    if groups.get("fortnight"):
        return timedelta(weeks=2)
    return timedelta(weeks=count_of(groups["count"]) if groups.get("count") else 1)


def _weekday_later(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "A week from Tuesday", "Tuesday in two weeks", "Tuesday week": counted from the coming one."""
    yield coming(WEEKDAYS[match["weekday"]], today) + _weeks(match), 0.87


def _day_word_later(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "A week tomorrow", "two weeks from today", "three days from tomorrow"."""
    start = today + timedelta(days=_DAY_WORDS[match["word"]])
    groups = match.groupdict()
    yield (
        (moved(start, count_of(groups["count"]), groups["unit"]) if groups.get("unit") else start + _weeks(match)),
        0.9,
    )


def _days_beside_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "The day after Friday", "two days before Monday"."""
    days = count_of(match["count"] or "a")
    yield coming(WEEKDAYS[match["weekday"]], today) + timedelta(days=days if match["side"] == "after" else -days), 0.85


def _weekday_of_week(weeks: int) -> Builder:
    def build(match: re.Match[str], today: date) -> Iterator[Reading]:
        yield monday_of(today) + timedelta(weeks=weeks, days=WEEKDAYS[match["weekday"]]), 0.95

    return build


def _weeks_on_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "In two weeks on Tuesday": the Tuesday of that week."""
    yield monday_of(today + _weeks(match)) + timedelta(days=WEEKDAYS[match["weekday"]]), 0.9


def _last_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = WEEKDAYS[match["weekday"]]
    yield today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1), 0.9


def _in(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield moved(today, count_of(match["count"]), match["unit"]), 0.9
    if match.groupdict().get("other"):  # "in two or three weeks"
        yield moved(today, count_of(match["other"]), match["unit"]), 0.5


def _ago(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield moved(today, -count_of(match["count"]), match["unit"]), 0.9


def _named(days: int) -> Builder:
    def build(_: re.Match[str], today: date) -> Iterator[Reading]:
        yield today + timedelta(days=days), 0.97

    return build


def _weekend(match: re.Match[str], today: date) -> Iterator[Reading]:
    """A weekend is its Saturday or its Sunday."""
    saturday = monday_of(today) + timedelta(days=5 + (7 if match["which"] == "next" else 0))
    yield from ((day, 0.7) for day in (saturday, saturday + timedelta(days=1)) if day >= today)


RULES: tuple[Rule, ...] = (
    (r"\b(?:the )?day after tomorrow\b", _named(2)),
    (r"\b(?:the )?day before yesterday\b", _named(-2)),
    (rf"\b{_WEEKS} from (?:now|today),? (?:on )?(?:a |the )?(?P<weekday>{WEEKDAY_NAME})\b", _weeks_on_weekday),
    (rf"\b{_WEEKS} (?:from |on )?(?P<word>today|tomorrow)\b", _day_word_later),
    (rf"\b{COUNT} {UNIT} (?:from|after) (?P<word>today|tomorrow|now)\b", _day_word_later),
    (r"\b(?P<word>today|tomorrow) week\b", _day_word_later),
    (rf"\bin {_WEEKS}{TIME},? (?:on )?(?:a |the )?(?P<weekday>{WEEKDAY_NAME})\b", _weeks_on_weekday),
    (rf"\b{_WEEKS} (?:from |on |after |this )+(?:next )?(?P<weekday>{WEEKDAY_NAME})\b", _weekday_later),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}) in {_WEEKS}{TIME}", _weekday_later),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}) (?:after next|week|(?P<fortnight>fortnight))\b", _weekday_later),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}),? (?:of )?the week after next\b", _weekday_of_week(2)),
    (rf"\b(?:the )?week after next,? (?:on )?(?P<weekday>{WEEKDAY_NAME})\b", _weekday_of_week(2)),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}),? (?:of |the )?next week\b", _weekday_of_week(1)),
    (rf"\bnext week,? (?:on )?(?P<weekday>{WEEKDAY_NAME})\b", _weekday_of_week(1)),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}),? (?:of )?last week\b", _weekday_of_week(-1)),
    (rf"\b(?P<weekday>{WEEKDAY_NAME}),? (?:of )?this week\b", _weekday_of_week(0)),
    (rf"\blast (?P<weekday>{WEEKDAY_NAME})\b", _last_weekday),
    (rf"\b(?:the )?(?:{COUNT} )?days? (?P<side>after|before) (?P<weekday>{WEEKDAY_NAME})\b", _days_beside_weekday),
)
"""Weekdays and days that are counted from others."""

PLAIN: tuple[Rule, ...] = (
    (rf"\b(?P<weekday>{WEEKDAY_NAME}) (?P<which>coming)\b", _weekday),
    (
        rf"\b(?:(?P<which>this|next|coming),? (?:coming )?)?(?P<weekday>{WEEKDAY_NAME})\b(?!s)",
        _weekday,
    ),
    (rf"\bin {_AROUND}{COUNT} or (?P<other>\d{{1,2}}) {UNIT}\b{TIME}", _in),
    (rf"\bin {_AROUND}{COUNT} {UNIT}\b{TIME}", _in),
    (rf"\b{COUNT} {UNIT} ago\b", _ago),
    (r"\b(?:(?P<which>this|next) (?:coming )?|(?:at|on|over) the )weekend\b", _weekend),
    (r"\b(?:tomorrow|to morrow|tomm?orr?ow)\b(?! never)", _named(1)),
    (r"\byesterday\b|\blast night\b", _named(-1)),
    (r"\btoday\b|\btonight\b|\bthis (?:morning|afternoon|evening)\b", _named(0)),
)
"""Weekdays, counts from today, day words and weekends."""
