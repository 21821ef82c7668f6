"""Times of day as they are spoken: "las tres y media de la tarde", "un cuarto para las cinco", "a las 10"."""

import re
from collections.abc import Iterator
from datetime import timedelta

from services.nlu.entities.clock import clock, in_business_hours, in_half
from services.nlu.entities.es.numerals import decimal
from services.nlu.entities.found import Context, Found, read_once
from services.nlu.entities.text import SpokenText

_HALF = (
    r"(?P<half>a\.? ?m\b\.?|p\.? ?m\b\.?|(?:de|en|por) la (?:mañana|madrugada|tarde|noche)|de la tardecita"
    r"|del (?:mediodía|mediodia|medio día|día))"
)
_HOUR = r"(?P<hour>[01]?\d|2[0-4])"
_MINUTE = r"(?P<minute>[0-5]\d)"
_LAS = r"(?P<lead>(?:(?:a|hacia|sobre|desde|hasta|para|de|tipo|como a|a eso de|antes de|después de|despues de) )?las? )"
_PAST = r"(?P<past>media|medio|cuarto|[1-5]?\d)(?: minutos?)?"
_TO = r"(?P<to>(?:1 )?cuarto|[1-5]?\d)(?: minutos?)?"
_CLOCK = rf"(?: en punto)?(?:,? {_HALF})?"
_QUARTERS = {"cuarto": 15, "1 cuarto": 15, "media": 30, "medio": 30}
_NOT_TIMES = (
    r"(?!\d|º|[.,/:-]\d|%| ?(?:por ciento|dólares|dolares|dólar|euros?|pesos?|centavos?|días?|semanas?|mes(?:es)?"
    r"|años?|horas?|minutos?|personas?|veces|cosas?|piezas?|muelas?|primer[oa]s?)\b|,? \d)"
)
_PARTS = re.compile(r"(?<!más )(?<!mas )(?<!buenas )(?:\b(?:la|esta) mañana|\bmadrugada|\btarde|\bnoche)\b")
_ARTICLES = frozenset({"un", "una"})
_CLAUSE = re.compile(r"[,;.!?](?=\s)")
_NAMED = {"mediodía": 720, "mediodia": 720, "medio día": 720, "medianoche": 0, "media noche": 0}
_IN = re.compile(
    r"\b(?:en|dentro de) (?P<count>media|\d{1,3})(?P<more> y media)? (?P<unit>horas?|minutos?)(?P<half> y media)?\b"
)


def _minutes(match: re.Match[str]) -> int | None:
    """Return minutes since midnight as said, the half of the day not yet decided."""
    groups = match.groupdict()
    if groups.get("named"):
        return _NAMED[groups["named"]]
    hour = int(groups["hour"])
    if groups.get("past"):
        return hour * 60 + _offset(groups["past"])
    if groups.get("to"):
        return (hour * 60 - _offset(groups["to"])) % (24 * 60)
    total = hour * 60 + int(groups.get("minute") or 0)
    return total if total < 24 * 60 else None


def _offset(said: str) -> int:
    return _QUARTERS[said] if said in _QUARTERS else int(said)


@read_once
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
            minutes = None if pattern is _BARE and _is_article(text, match) else _minutes(match)
            if minutes is not None:
                taken.append((start, end))
                yield _found(minutes, match, text, confidence)
    yield from _relative(text, context)


def _is_article(text: SpokenText, match: re.Match[str]) -> bool:
    """Say whether a bare 1 is the article of what follows it: "una limpieza"."""
    start, end = text.source(*match.span("hour"))
    return text.raw[start:end].lower() in _ARTICLES and text.canonical[match.end() :].strip(" .!") != ""


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Leave "a las" out, and a full stop that ends the sentence."""
    start = match.end("lead") if match.groupdict().get("lead") else match.start()
    end = match.end()
    return start, end - 1 if match.group().endswith(".") and not match.group().endswith(".m.") else end


def _found(minutes: int, match: re.Match[str], text: SpokenText, confidence: float) -> Found:
    start, end = _span(match)
    groups = match.groupdict()
    if groups.get("named") or minutes >= 13 * 60 or (groups.get("hour") or "").startswith("0"):
        return Found("time", start, end, clock(minutes), confidence)
    half = groups.get("half")
    afternoon = _is_afternoon(half, minutes) if half else _part_of_day(text, start, minutes)
    if afternoon is not None:
        return Found("time", start, end, clock(in_half(minutes, afternoon=afternoon)), confidence)
    likely, other = in_business_hours(minutes)
    return Found("time", start, end, clock(likely), confidence - 0.1, (clock(other),))


def _is_afternoon(half: str, minutes: int) -> bool:
    if "noche" in half:  # "las 2 de la noche" is before dawn
        return minutes % 720 >= 5 * 60
    if "madrugada" in half or half.startswith("a"):
        return False
    if "mañana" in half:  # "las 12 de la mañana" is noon where it is said at all
        return minutes // 60 == 12
    return True


def _part_of_day(text: SpokenText, start: int, minutes: int) -> bool | None:
    """Read "mañana en la tarde a las tres": the clause's part of the day, or that of the one before."""
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
    """Find "en dos horas", "dentro de media hora", "en una hora y media"."""
    for match in _IN.finditer(text.canonical):
        count = float(decimal(match["count"])) + (0.5 if match["more"] or match["half"] else 0.0)
        ahead = timedelta(minutes=count) if match["unit"].startswith("m") else timedelta(hours=count)
        yield Found("time", match.start(), match.end(), (context.reference + ahead).strftime("%H:%M"), 0.85)


_BEFORE = r"(?<![\d$€£.,:])"
_BARE = re.compile(rf"(?<![\w$€£.,:]){_HOUR}(?: (?:y )?{_MINUTE})?(?: en punto)?{_NOT_TIMES}(?!\w)")
_RULES: tuple[tuple[re.Pattern[str], float], ...] = (
    *(
        (re.compile(pattern), confidence)
        for pattern, confidence in (
            (rf"\b{_TO} (?:para|pa) las? {_HOUR}\b{_CLOCK}", 0.95),
            (rf"(?:\b{_LAS})?\b{_HOUR} menos {_TO}\b{_CLOCK}", 0.95),
            (rf"\b{_LAS}{_HOUR} y {_PAST}\b{_CLOCK}(?! ?(?:dólares|pesos|euros)\b)", 0.97),
            (rf"{_BEFORE}\b{_HOUR} y {_PAST}\b(?: en punto)?,? {_HALF}", 0.97),
            (rf"{_BEFORE}\b{_HOUR} y (?P<past>media|cuarto)\b{_CLOCK}(?! (?:horas?|meses|años|semanas?|días?)\b)", 0.9),
            (rf"(?:\b{_LAS})?{_BEFORE}\b{_HOUR}[:h]{_MINUTE}(?!\d)(?: ?(?:horas?|hrs?|h)\b)?(?:,? ?{_HALF})?", 0.97),
            (rf"(?:\b{_LAS})?{_BEFORE}\b{_HOUR}(?:[ .]{_MINUTE})?(?: en punto)?,? ?{_HALF}", 0.97),
            (
                rf"\b(?P<lead>(?:a|al|hasta el|para el|hacia el) )?(?P<named>{'|'.join(_NAMED)})\b",
                0.97,
            ),
            (rf"\b{_LAS}{_HOUR}[ .]{_MINUTE}\b{_NOT_TIMES}", 0.9),
            (rf"(?:\b{_LAS})?\b(?P<hour>[01]\d|2[0-3]) ?(?:horas|hrs)\b", 0.85),
            (rf"\b{_LAS}{_HOUR}\b(?: en punto)?{_NOT_TIMES}", 0.9),
            (rf"\b(?P<lead>(?:tipo|como) ){_HOUR}\b{_NOT_TIMES}", 0.7),
        )
    ),
    (_BARE, 0.8),
)
