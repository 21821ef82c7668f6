"""Dates as they are spoken: "next Tuesday", "the twenty fourth", "in two weeks"."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from services.nlu.entities.calendar import coming, shifted
from services.nlu.entities.dates import DateReader, Guarded
from services.nlu.entities.en import date_months, date_weeks, holidays
from services.nlu.entities.en.births import BIRTHS
from services.nlu.entities.en.calendar_words import MONTH_NAME, ORDINAL, WEEKDAY_NAME
from services.nlu.entities.found import Context, Found, read_once
from services.nlu.entities.text import SpokenText

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

_HOLIDAY_WORDS = (
    "mas|boxing|stephen|new year|valentin|patrick|juneteenth|independence|hallow|bonfire|fawkes|veteran|thanksg|black f"
    "|cyber|lab|memorial|columbus|martin|mlk|president|mother|father|shrove|pancake|ash w|palm|good f|easter"
)
_LATER_WORDS = r"week|fortnight|\bdays?\b|\blast\b|today|tomorrow|\bnow\b|after next"

_read_plain = DateReader(
    (
        Guarded(r"\d(?:[/.-]| slash )\d", date_months.EXACT),
        Guarded(_HOLIDAY_WORDS, holidays.RULES),
        *date_months.RULES,
        Guarded(_LATER_WORDS, date_weeks.RULES),
        Guarded(ORDINAL, date_months.LOOSE),
        *date_weeks.PLAIN,
    )
)
_PAST = re.compile(
    r"\b(?:ordered|bought|received|arrived|paid|came|happened|born|sent|visited|called|spoke|delivered|since"
    r"|was (?:there|in|at|charged))\b[^.?!]{0,40}$"
)
"""Words behind which a day without its year or week is a past one: "I ordered it on Monday"."""
_FIXED = re.compile(
    r"\d{4}|\b20 \d\d|\b19 \d\d|\b(?:next|this|coming|last|in|week|weeks|month|today|tonight|tomorrow)\b"
)
_RELATIVE = re.compile(r"\b(?:next|this|coming|last|in|week|today|tonight|tomorrow)\b")


@read_once
def read_dates(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find dates; a value is ISO 8601, alternatives are the other days the words may mean."""
    today = context.reference.date()
    for found in _read_plain(text, context):
        if BIRTHS.told(text.canonical, found.start) and not _RELATIVE.search(text.canonical, found.start, found.end):
            yield BIRTHS.backwards(found, today)
        else:
            yield _backwards(found, text.canonical, today) if _PAST.search(text.canonical[: found.start]) else found
    yield from BIRTHS.dates(text, context)
    yield from _misheard(text, today)


def _misheard(text: SpokenText, today: date) -> Iterator[Found]:
    """Find words that stand for a weekday where one is likely: "no, I said thirsty"."""
    for match in _HEARD_RULE.finditer(text.canonical):
        day = coming(_HEARD[match["heard"]], today)
        yield Found("date", match.start("heard"), match.end("heard"), day.isoformat(), 0.65)


def _backwards(found: Found, canonical: str, today: date) -> Found:
    """Return the latest day that the words may mean; the coming one is an alternative."""
    words, day = canonical[found.start : found.end], date.fromisoformat(found.value)
    if day <= today or _FIXED.search(words):
        return found
    if re.search(rf"\b(?:{MONTH_NAME})\b", words):
        past = shifted(day, months=-12)
    elif re.search(rf"\b{WEEKDAY_NAME}\b", words) and not re.search(r"\d", words):
        past = day - timedelta(days=7 * ((day - today).days // 7 + 1))
    elif re.search(r"\d(?:st|nd|rd|th)\b", words):
        past = shifted(day, months=-1)
    else:
        return found
    return replace(found, value=past.isoformat(), alternatives=(found.value,), confidence=min(found.confidence, 0.8))
