"""Times of day as they are spoken: "half past three", "ten in the morning", "at 10."."""

import re
from collections.abc import Iterator
from datetime import timedelta

from services.nlu.entities.clock import clock, in_business_hours, in_half
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_HALF_DAY = (
    r"(?P<half>a\.? ?m\b\.?|p\.? ?m\b\.?|in the morning|in the afternoon|in the evening|at night|this morning"
    r"|this afternoon|this evening|tonight|o'clock (?:in the morning|in the afternoon|in the evening|at night))"
)
_HOUR = r"(?P<hour>[01]?\d|2[0-4])"
_MINUTE = r"(?P<minute>[0-5]\d)"
_LEAD = r"(?P<lead>(?:at|around|about|by|before|after|from|until|till|to|say|it's|its) (?:around |about )?)"
_QUARTERS = {"quarter": 15, "a quarter": 15, "half": 30}
_NOT_TIMES = (
    r"(?!\d|st\b|nd\b|rd\b|th\b|[.,/:-]\d|%| (?:percent|dollars?|cents?|bucks|euros?|pounds?|days?|weeks?|months?"
    r"|years?|hours?|minutes?|people|persons?|times|of|items?|pieces?|\d)\b)"
)
_PARTS = re.compile(r"(?<!good )\b(?:morning|breakfast|afternoon|evening|tonight|night)\b")
_BEFORE_NOON = re.compile(r"a\.? ?m\b")
_CLAUSE = re.compile(r"[,;.!?](?=\s)")


def read_times(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find times of day; a value is "15:30", the other half of the day is an alternative where it may be meant.

    A bare hour is read as in business hours: 7 to 11 before noon, 12 to 6 after it.
    """
    taken: list[tuple[int, int]] = []
    for pattern, confidence in _RULES:
        if pattern is _BARE and "time" not in context.expected:
            continue
        for match in pattern.finditer(text.canonical):
            start, end = _span(match)
            if any(start < before_end and before < end for before, before_end in taken):
                continue
            minutes = _minutes(match)
            if minutes is not None:
                taken.append((start, end))
                yield _found(minutes, match, text, confidence)
    yield from _relative(text, context)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Leave "at" out, and a trailing full stop that ends the sentence."""
    start = match.end("lead") if match.groupdict().get("lead") else match.start()
    end = match.end()
    return start, end - 1 if match.group().endswith(".") and not match.group().endswith(".m.") else end


def _minutes(match: re.Match[str]) -> int | None:
    """Return minutes since midnight as said, the half of the day not yet decided."""
    groups = match.groupdict()
    if groups.get("named"):
        return {"noon": 720, "midday": 720, "midnight": 0}[groups["named"]]
    hour = int(groups["hour"])
    if groups.get("past"):
        return hour * 60 + _offset(groups["past"])
    if groups.get("to"):
        return hour * 60 - _offset(groups["to"])
    minute = int(groups.get("minute") or 0)
    total = hour * 60 + minute
    return total if total < 24 * 60 else None


def _offset(text: str) -> int:
    return _QUARTERS[text] if text in _QUARTERS else int(text)


def _found(minutes: int, match: re.Match[str], text: SpokenText, confidence: float) -> Found:
    start, end = _span(match)
    groups = match.groupdict()
    if groups.get("named") or minutes >= 13 * 60 or (groups.get("hour") or "").startswith("0"):
        return Found("time", start, end, clock(minutes), confidence)
    half = groups.get("half") or groups.get("half_before")
    afternoon = _is_afternoon(half, minutes) if half else _part_of_day(text, start, minutes)
    if afternoon is not None:
        return Found("time", start, end, clock(in_half(minutes, afternoon=afternoon)), confidence)
    likely, other = in_business_hours(minutes)
    return Found("time", start, end, clock(likely), confidence - 0.1, (clock(other),))


def _is_afternoon(half: str, minutes: int) -> bool:
    if "night" in half:  # "two at night" is before dawn
        return minutes % 720 >= 5 * 60
    return not (_BEFORE_NOON.match(half) or "morning" in half or "breakfast" in half)


def _part_of_day(text: SpokenText, start: int, minutes: int) -> bool | None:
    """Read "tomorrow evening at eight", "tomorrow evening, at eight": the clause's part, or the last one's."""
    begins = [0, *(match.end() for match in _CLAUSE.finditer(text.canonical))]
    ends = [*begins[1:], len(text.canonical)]
    at = max(index for index, begin in enumerate(begins) if begin <= start)
    for index in (at, at - 1):
        parts = (
            {m.group() for m in _PARTS.finditer(text.canonical, begins[index], ends[index])} if index >= 0 else set()
        )
        if len(parts) == 1:
            return _is_afternoon(parts.pop(), minutes)
    return None


def _relative(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find "in two hours", "in half an hour"."""
    for match in _IN.finditer(text.canonical):
        if match["half"]:
            ahead = timedelta(minutes=30)
        else:
            count = int(match["count"]) if match["count"].isdigit() else 1
            ahead = timedelta(minutes=count) if match["unit"].startswith("min") else timedelta(hours=count)
        yield Found("time", match.start(), match.end(), (context.reference + ahead).strftime("%H:%M"), 0.85)


_IN = re.compile(r"\bin (?:(?P<half>half an hour)|(?P<count>\d{1,3}|an?) (?P<unit>hours?|minutes?))\b")
_PHRASE_END = r"(?=[.!?,]*$|,| (?:on|or|and|please|tomorrow|today|next)\b)"
_PARTS_IN = r"in the (?:morning|afternoon|evening)"
_CLOCK = rf"(?: o'clock)?(?:,? {_HALF_DAY})?"
_BARE = re.compile(rf"\b{_HOUR}(?: {_MINUTE})?\b{_NOT_TIMES}")
_OFFSET = r"\d{1,2}|(?:a )?quarter"
_RULES: tuple[tuple[re.Pattern[str], float], ...] = (
    *(
        (re.compile(pattern), confidence)
        for pattern, confidence in (
            (
                rf"\b(?P<past>{_OFFSET}|half)(?: minutes?)?[ -](?:past|passed|after)[ -]{_HOUR}\b{_CLOCK}",
                0.97,
            ),
            (
                rf"(?<!from )\b(?P<to>{_OFFSET})(?: minutes?)?[ -](?:to|before|till)[ -]{_HOUR}\b{_CLOCK}",
                0.9,
            ),
            (rf"(?<![\d$€£.,:]){_HOUR}[:h]{_MINUTE}(?!\d)(?:,? {_HALF_DAY})?", 0.97),
            (rf"(?<![\d$€£.,:]){_HOUR}(?:[ .]{_MINUTE})?,? ?{_HALF_DAY}", 0.97),
            (
                rf"\b(?P<half_before>{_PARTS_IN}),? (?:at )?{_HOUR}(?: {_MINUTE})?\b{_NOT_TIMES}",
                0.95,
            ),
            (rf"\b{_HOUR} ?o'? ?clock\b", 0.97),
            (r"\b(?P<named>noon|midday|midnight)\b", 0.97),
            (rf"\b{_LEAD}{_HOUR}[ .]{_MINUTE}\b{_NOT_TIMES}", 0.9),
            (r"\b(?P<hour>[01]\d|2[0-3]) ?(?:00|hundred) ?hours\b", 0.9),
            (rf"\b(?P<lead>at (?:around |about )?){_HOUR}\b{_NOT_TIMES}", 0.9),
            (
                rf"\b(?P<lead>(?:around|about|by|before|after|until|till) ){_HOUR}\b{_NOT_TIMES}{_PHRASE_END}",
                0.7,
            ),
            (rf"(?<=\bday ){_HOUR}(?: {_MINUTE})?\b{_NOT_TIMES}", 0.75),
        )
    ),
    (_BARE, 0.8),
)
