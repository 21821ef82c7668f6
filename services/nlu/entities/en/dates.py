"""Dates as they are spoken: "next Tuesday", "the twenty fourth", "in two weeks"."""

import re
from collections.abc import Iterator
from datetime import date

from services.nlu.entities.calendar import coming
from services.nlu.entities.dates import DateReader
from services.nlu.entities.en import date_months, date_weeks, holidays
from services.nlu.entities.found import Context, Found
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

_read_plain = DateReader(
    (
        *date_months.EXACT,
        *holidays.RULES,
        *date_months.RULES,
        *date_weeks.RULES,
        *date_months.LOOSE,
        *date_weeks.PLAIN,
    )
)


def read_dates(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find dates; a value is ISO 8601, alternatives are the other days the words may mean."""
    yield from _read_plain(text, context)
    yield from _misheard(text, context.reference.date())


def _misheard(text: SpokenText, today: date) -> Iterator[Found]:
    """Find words that stand for a weekday where one is likely: "no, I said thirsty"."""
    for match in _HEARD_RULE.finditer(text.canonical):
        day = coming(_HEARD[match["heard"]], today)
        yield Found("date", match.start("heard"), match.end("heard"), day.isoformat(), 0.65)
