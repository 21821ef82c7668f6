"""Times of day as they are spoken: "half past three", "ten in the morning", "at 10."."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from services.nlu.entities.clock import clock, in_business_hours, in_half
from services.nlu.entities.en.numerals import COUNT, decimal
from services.nlu.entities.en.time_words import (
    HALF_DAY,
    HOUR,
    ISH,
    ISH_HOURS,
    MINUTE,
    NOT_TIMES,
    OFFSET_BEFORE,
    OFFSET_PAST,
    is_afternoon,
    offset,
)
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_LEAD = (
    r"(?P<lead>(?:at|around|about|by|before|after|from|until|till|to|say|it's|its|make it|like|for) "
    r"(?:around |about |like )?)"
)
_LOOSE_LEAD = "(?:around|about|by|before|after|until|till)"
_PARTS = re.compile(r"(?<!good )\b(?:morning|breakfast|afternoon|evening|tonight|night|dinner|supper|table)\b")
_CLAUSE = re.compile(r"[,;.!?](?=\s)")
_PHRASE_END = r"(?=[.!?,]*$|,| (?:on|or|and|please|tomorrow|today|next|if|would|works?|is)\b)"
_PARTS_IN = r"in the (?:morning|afternoon|evening)"
_CLOCK = rf"(?: o'clock)?(?:,? {HALF_DAY})?"
_BARE = re.compile(rf"\b{HOUR}(?: {MINUTE})?\b{NOT_TIMES}")
_FOR = re.compile(rf"(?<!table )(?<!room )(?<!party )\b(?P<lead>for ){HOUR}\b{NOT_TIMES}{_PHRASE_END}")
"""Read only where no other time is said: "an appointment for three"; "at eight for three" are three people."""
_OR = re.compile(rf" or (?:at )?{HOUR}(?: {MINUTE})?\b(?: o'clock)?{NOT_TIMES}")
_ALONE = r"(?<![\d.,$€£:/-])(?<!\d )\b"
_RULES: tuple[tuple[re.Pattern[str], float], ...] = (
    *(
        (re.compile(pattern), confidence)
        for pattern, confidence in (
            (rf"\b(?P<past>{OFFSET_PAST}|half)(?: minutes?)?[ -](?:past|passed|after)[ -]{HOUR}\b{_CLOCK}", 0.97),
            (rf"(?<!from )(?<!between )\b(?P<to>{OFFSET_BEFORE})[ -](?:to|before|till|of)[ -]{HOUR}\b{_CLOCK}", 0.97),
            (rf"(?<![\d$€£.,:]){HOUR}[:h]{MINUTE}(?!\d)(?:,? ?{HALF_DAY})?", 0.97),
            (rf"(?<![\d$€£.,:]){HOUR}(?:[ .]{MINUTE})?(?: o'clock)?,? ?{HALF_DAY}", 0.97),
            (rf"\b(?P<half_before>{_PARTS_IN}),? (?:at )?{HOUR}(?: {MINUTE})?\b{NOT_TIMES}", 0.95),
            (rf"\b{HOUR} ?o'? ?clock\b", 0.97),
            (r"\b(?:12 )?(?P<named>noon|midday|midnight)\b", 0.97),
            (rf"(?<!and a )(?<!a )(?<!an )\b(?P<past>half) {HOUR}\b(?! of){NOT_TIMES}{_CLOCK}", 0.85),
            (rf"\b{_LEAD}{HOUR}[ .]{MINUTE}\b{NOT_TIMES}", 0.9),
            (r"\b(?P<hour>[01]\d|2[0-3]) ?(?:00|hundred) ?hours\b", 0.9),
            (r"\b(?P<hour>[01]\d|2[0-3]) (?P<minute>[0-5]\d) hours\b", 0.9),
            (r"\b(?:oh? )?(?P<military>\d{3,4}) hours\b", 0.9),
            (rf"\b(?P<lead>at (?:around |about |like )?){HOUR}\b{NOT_TIMES}", 0.9),
            (rf"\b(?:{HOUR}(?: {MINUTE})?[ -]?ish|(?P<ish>{ISH})-?ish)\b", 0.75),
            (rf"\b(?P<lead>{_LOOSE_LEAD} ){HOUR}\b{NOT_TIMES}{_PHRASE_END}", 0.7),
            (rf"(?<=\bday ){HOUR}(?: {MINUTE})?\b{NOT_TIMES}", 0.75),
            (rf"{_ALONE}(?P<hour>[1-9]|1[0-2]) (?P<minute>00|15|30|45)\b(?! ?(?:\d|{HALF_DAY})){NOT_TIMES}", 0.75),
        )
    ),
    (_FOR, 0.7),
    (_BARE, 0.8),
)
_GUARD = re.compile(r"\d|noon|mid|ish\b|hour")
_AHEAD = re.compile(
    rf"\b(?P<in>in (?:about |around |like |maybe )?)?(?P<count>{COUNT})[ -](?P<unit>hours?|hrs?|minutes?|mins?)\b"
    r"(?: and (?:(?P<rest>a half|a quarter)|(?P<more>\d{1,2}) minutes?)\b)?(?:'s?(?= time))?"
    r"(?: time\b| (?P<now>from now)\b)?"
)


def read_times(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find times of day; a value is "15:30", the other half of the day is an alternative where it may be meant.

    A bare hour is read as in business hours: 7 to 11 before noon, 12 to 6 after it.
    """
    if not _GUARD.search(text.canonical):
        return
    taken: list[tuple[int, int]] = []
    for pattern, confidence in _RULES:
        if (pattern is _BARE and "time" not in context.expected) or (pattern is _FOR and taken):
            continue
        for match in pattern.finditer(text.canonical):
            start, end = _span(match)
            if any(start < before_end and before < end for before, before_end in taken):
                continue
            minutes = _minutes(match)
            if minutes is not None:
                taken.append((start, end))
                yield _found(minutes, match, text, confidence)
    yield from _or_another(text, taken)
    yield from _ahead(text, context)


def _or_another(text: SpokenText, taken: list[tuple[int, int]]) -> Iterator[Found]:
    """Find the second of "at three or four"."""
    for _, end in taken:
        match = _OR.match(text.canonical, end)
        minutes = _minutes(match) if match else None
        if match and minutes is not None and not any(a < match.end() and match.start() + 4 < b for a, b in taken):
            likely, other = in_business_hours(minutes)
            yield Found("time", match.start("hour"), match.end(), clock(likely), 0.75, (clock(other),))


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
    if groups.get("military"):
        total = int(groups["military"][:-2]) * 60 + int(groups["military"][-2:])
        return total if total < 24 * 60 and int(groups["military"][-2:]) < 60 else None
    hour = int(groups["hour"] or ISH_HOURS[groups["ish"]])
    if groups.get("past"):
        return hour * 60 + offset(groups["past"])
    if groups.get("to"):
        return hour * 60 - offset(groups["to"])
    minute = int(re.sub(r"\D", "", (groups.get("minute") or "0")) or 0)
    total = hour * 60 + minute
    return total if total < 24 * 60 else None


def _found(minutes: int, match: re.Match[str], text: SpokenText, confidence: float) -> Found:
    start, end = _span(match)
    groups = match.groupdict()
    sure = groups.get("named") or groups.get("military") or minutes >= 13 * 60
    if sure or (groups.get("hour") or "").startswith("0"):
        return Found("time", start, end, clock(minutes), confidence)
    half = groups.get("half") or groups.get("half_before")
    afternoon = is_afternoon(half, minutes) if half else _part_of_day(text, start, minutes)
    if afternoon is not None:
        return Found("time", start, end, clock(in_half(minutes, afternoon=afternoon)), confidence)
    likely, other = in_business_hours(minutes)
    return Found("time", start, end, clock(likely), confidence - 0.1, (clock(other),))


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
            return is_afternoon(parts.pop(), minutes)
    return None


def _ahead(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find "in two hours", "in half an hour", "an hour from now"."""
    for match in _AHEAD.finditer(text.canonical):
        if not match["in"] and not match["now"]:
            continue
        count = decimal(match["count"])
        count += {"a half": Decimal("0.5"), "a quarter": Decimal("0.25")}.get(match["rest"] or "", Decimal(0))
        minutes = count if match["unit"].startswith("min") else count * 60
        ahead = timedelta(minutes=int(minutes) + int(match["more"] or 0))
        yield Found("time", match.start(), match.end(), (context.reference + ahead).strftime("%H:%M"), 0.92)
