"""Counts of days, weeks and months as they stand in spoken dates."""

from datetime import date

from services.nlu.entities.calendar import shifted

COUNT = r"(?P<count>\d{1,3}|an?|a couple of|couple of|one)"
UNIT = r"(?P<unit>days?|weeks?|fortnights?|months?|years?)"
TIME = r"(?:'?s?'? time)?"
""" "In a week's time" means "in a week"."""
_WORDS = {"a": 1, "an": 1, "one": 1, "a couple of": 2, "couple of": 2}


def count_of(text: str) -> int:
    """Return the number of "3", "a", "a couple of"."""
    return _WORDS[text] if text in _WORDS else int(text)


def moved(today: date, count: int, unit: str) -> date:
    """Return the day so many days, weeks, fortnights, months or years from today."""
    one = unit.rstrip("s")
    if one == "fortnight":
        return shifted(today, weeks=2 * count)
    if one in {"month", "year"}:
        return shifted(today, months=count * (12 if one == "year" else 1))
    return shifted(today, **{f"{one}s": count})
