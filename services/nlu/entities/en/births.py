"""Dates of birth in English: "born March third eighty five", "date of birth three fifteen eighty five"."""

from services.nlu.entities.births import BirthReader
from services.nlu.entities.en.calendar_words import MONTH_NAME, MONTHS, ORDINAL

_DAY = rf"(?P<day>{ORDINAL}|\d{{1,2}})"
_MONTH = rf"(?P<month>{MONTH_NAME})"
_SHORT = r"'?\d\d|oh? \d"
_YEAR = rf"(?P<year>(?:19|20) ?\d\d|(?:19|20) oh? \d|{_SHORT})(?![\d:/-]| ?\d)(?! (?:[ap]\.?m\b|o'clock))"
_FIGURE = r"(?:oh? )?\d{1,2}"

BIRTHS = BirthReader(
    cue=r"\b(?:born|date of birth|birth ?dat?e|birth ?day(?: is| was|'s|:)|d\.? ?o\.? ?b)\b",
    stop=r"\b(?:appointment|come|book|schedule|visit|see)\b|[.?!] ",
    dates=(
        rf"\b{_MONTH}\.?,? (?:the )?{_DAY},? (?:of |in )?{_YEAR}",
        rf"\b{_DAY}(?: of)? {_MONTH}\.?,? (?:of |in )?{_YEAR}",
    ),
    figures=rf"(?<![\d/])(?P<one>{_FIGURE})[ ,/-]{{1,2}}(?P<two>{_FIGURE})[ ,/-]{{1,2}}{_YEAR}",
    months=rf"\b(?:in )?{_MONTH},? (?:of )?{_YEAR}",
    years=rf"\b(?:in|the year)(?: the year)? {_YEAR}",
    names=MONTHS,
    zero=r"\boh?\b ?",
    day_first=False,
)
