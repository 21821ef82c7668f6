"""The names of days and months in English, and patterns of them for canonical text."""

_DAYS = (
    "monday mon",
    "tuesday tues tue",
    "wednesday weds wed",
    "thursday thurs thur thu",
    "friday fri",
    "saturday sat",
    "sunday sun",
)
_MONTHS = (
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
)
WEEKDAYS = {name: index for index, names in enumerate(_DAYS) for name in names.split()}
"""By name: 0 is Monday."""
MONTHS = {name: index for index, names in enumerate(_MONTHS, 1) for name in names.split()}
"""By name: 1 is January."""
VERBS = frozenset({"march", "may"})
"""Months that are words of another kind too."""

_FULL_DAY = "|".join(name for name in WEEKDAYS if name.endswith("day"))
_SHORT_DAY = "mon|tues?|weds?|thu(?:rs?)?|fri|sat|sun"
WEEKDAY_NAME = (
    rf"(?:{_FULL_DAY}|(?<=on )(?:{_SHORT_DAY})|(?<=next )(?:{_SHORT_DAY})|(?<=this )(?:{_SHORT_DAY})|tues?|thurs?)"
)
"""Short names count behind "on", "next" and "this" only."""
MONTH_NAME = "|".join(sorted(MONTHS, key=len, reverse=True))
PLAIN_MONTHS = "|".join(name for name in MONTH_NAME.split("|") if name not in VERBS)
ORDINAL = r"(?:\d{1,2}(?:st|nd|rd|th)|second)"
YEAR = r"(?:,? (?:of |in )?(?P<year>(?:19|20) ?\d\d))?"


def full_year(text: str) -> int:
    """Return the year of "2026" and "20 26"."""
    return int(text.replace(" ", ""))


def day_number(text: str) -> int:
    """Return the number of "24th", "second"."""
    return 2 if text == "second" else int("".join(letter for letter in text if letter.isdigit()))
