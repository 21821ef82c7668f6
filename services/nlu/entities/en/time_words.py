"""Words and patterns of the clock in English, for canonical text."""

import re

HALF_DAY = (
    r"(?P<half>a\.? ?m\b\.?|p\.? ?m\b\.?|in the morning|in the afternoon|in the evening|at night|this morning"
    r"|this afternoon|this evening|tonight|o'clock (?:in the morning|in the afternoon|in the evening|at night))"
)
HOUR = r"(?P<hour>[01]?\d|2[0-4])"
MINUTE = r"(?P<minute>[0-5]\d|oh? \d)"
OFFSET_PAST = r"\d{1,2}|(?:a )?quarter"
OFFSET_BEFORE = r"(?:5|10|20|25)(?: minutes?)?|\d{1,2} minutes?|(?:a )?quarter"
NOT_TIMES = (
    r"(?!\d|st\b|nd\b|rd\b|th\b|[.,/:-]\d|%| (?:percent|per cent|dollars?|cents?|bucks|quid|euros?|pounds?|grand|days?"
    r"|weeks?|months?|years?|hours?|minutes?|seconds?|people|persons?|times|of|items?|pieces?|boxes|bottles|kilos?|grams?"
    r"|miles?|dozen|and a half|to \d|\d)\b)"
)
ISH_HOURS = {
    word: hour
    for hour, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
ISH = "|".join(ISH_HOURS)
_QUARTERS = {"quarter": 15, "a quarter": 15, "half": 30}
_AT_DINNER = frozenset({"dinner", "supper", "table"})
_LATEST_DINNER = 10 * 60 + 30
_BEFORE_NOON = re.compile(r"a\.? ?m\b")


def offset(text: str) -> int:
    """Return the minutes of "quarter", "half", "20 minutes"."""
    return _QUARTERS[text] if text in _QUARTERS else int(text.partition(" ")[0])


def is_afternoon(half: str, minutes: int) -> bool:
    """Say whether a part of the day puts a time behind noon."""
    if half in _AT_DINNER:
        return minutes % 720 < _LATEST_DINNER
    if "night" in half:  # "two at night" is before dawn
        return minutes % 720 >= 5 * 60
    return not (_BEFORE_NOON.match(half) or "morning" in half or "breakfast" in half)
