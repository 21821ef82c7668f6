"""Dates as they are spoken: "el próximo martes", "pasado mañana", "de hoy en ocho", "a fin de mes"."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from services.nlu.entities.calendar import (
    built,
    century,
    coming,
    monday_of,
    next_days,
    next_month,
    next_month_day,
    nth_weekday,
    shifted,
)
from services.nlu.entities.dates import Builder, DateReader, Reading
from services.nlu.entities.es.births import BIRTHS
from services.nlu.entities.es.calendar_words import MONTH, MONTHS, WEEKDAY, WEEKDAYS
from services.nlu.entities.es.numerals import decimal
from services.nlu.entities.found import Context, Found, read_once
from services.nlu.entities.text import SpokenText

_SOON = timedelta(days=2)
_DAY = r"(?P<day>\d{1,2})º?"
_YEAR = r"(?:,? (?:del? )?(?:año )?(?P<year>(?:19|20)\d\d))?"
_WEEKDAY = rf"(?P<weekday>{WEEKDAY})"
_WEEKDAY_BEFORE = rf"(?:{_WEEKDAY},? (?:el )?)?(?:día )?"
_NEXT_WEEK = r"(?:de )?la (?:próxima semana|proxima semana|semana que viene|semana próxima|semana entrante|otra semana)"
_NEXT_MONTH = r"del (?:mes que viene|próximo mes|proximo mes|mes próximo|mes entrante|otro mes)"
_COUNT = r"(?P<count>\d{1,3}|1 par de|un par de)"
_UNIT = r"(?P<unit>días?|dias?|semanas?|mes(?:es)?|años?)"
_COMING = r"(?P<after> que viene| próximo| proximo| entrante| siguiente)?"
_END = r"(?:fin|fines|final|finales|el último día|el ultimo dia)"
# The first two as the library that turns words into numbers writes "primer" and "tercer".
_NTH = {
    "1.ᵉʳ": 1,
    "3.ᵉʳ": 3,
    "1º": 1,
    "1": 1,
    "2º": 2,
    "2": 2,
    "3º": 3,
    "3": 3,
    "4º": 4,
    "4": 4,
    "primer": 1,
    "primero": 1,
    "segundo": 2,
}
_NTH |= {"tercer": 3, "tercero": 3, "cuarto": 4, "último": -1, "ultimo": -1, "penúltimo": -2, "penultimo": -2}
_NO_PAST = "".join(f"(?<!{verb} )" for verb in ("llegó", "llego", "llegaron", "tardó", "tardaron"))
_UNITS = {"d": "days", "s": "weeks", "m": "months"}
# What follows a number that is no day: more digits, a clock, a share, something counted.
_NO_DAY = (
    r"(?!\d|,? \d|[.:/]\d| ?%| por (?:ciento|100)\b"
    r"| (?:horas?|minutos?|dólares|dolares|euros|pesos|personas|veces|piso)\b"
    r"| de (?:la|cada)\b| y media\b)"
)


def _iso(match: re.Match[str], _: date) -> Iterator[Reading]:
    day = built(int(match["year"]), int(match["month"]), int(match["day"]))
    if day is not None:
        yield day, 0.98


def _slashed(match: re.Match[str], today: date) -> Iterator[Reading]:
    """Day first; the other order is an alternative."""
    one, two, year = int(match["one"]), int(match["two"]), match["year"]
    for number, month in dict.fromkeys(((one, two), (two, one))):
        if year is None:
            day = next_month_day(month, number, today) if 1 <= month <= 12 else None
        else:
            day = built(century(int(year), today) if len(year) == 2 else int(year), month, number)
        if day is not None:
            yield day, 0.8


def _month_day(match: re.Match[str], today: date) -> Iterator[Reading]:
    month, number, year = MONTHS[match["month"]], int(match["day"]), match["year"]
    day = built(int(year), month, number) if year else next_month_day(month, number, today)
    if day is None:
        return
    weekday = match.groupdict().get("weekday")
    if weekday is None or day.weekday() == WEEKDAYS[weekday]:
        yield day, 0.97
    else:  # the weekday and the number contradict each other: ask
        yield day, 0.6
        yield coming(WEEKDAYS[weekday], today), 0.4


def _day_of_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    groups = match.groupdict()
    weekday = groups.get("weekday")
    days = next_days(int(match["day"]), today)
    if groups.get("next_month"):
        days = [day for day in days if (day.year, day.month) != (today.year, today.month)]
    if not days:
        return
    if weekday is None or days[0].weekday() == WEEKDAYS[weekday]:
        yield days[0], 0.9
        return
    agreeing = [day for day in days if day.weekday() == WEEKDAYS[weekday]]
    yield days[0], 0.6
    yield from ((day, 0.3) for day in (*agreeing[:1], coming(WEEKDAYS[weekday], today)))


def _weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = WEEKDAYS[match["weekday"]]
    soon = coming(weekday, today)
    if match["this"]:
        yield (today if weekday == today.weekday() else soon), 0.9
    elif weekday == today.weekday():
        yield soon, 0.8
        yield today, 0.2
    elif (
        match["next"] or match["after"]
    ) and soon - today <= _SOON:  # "el próximo martes", said on a Monday: some mean the one after
        yield soon, 0.75
        yield soon + timedelta(weeks=1), 0.25
    else:
        yield soon, 0.95


def _weekday_later(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "El lunes en ocho", "del lunes en quince": counted from the coming one, eight days being a week."""
    weeks = {"8": 1, "15": 2}[match["count"]]
    yield coming(WEEKDAYS[match["weekday"]], today) + timedelta(weeks=weeks), 0.85


def _weeks_on_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "En dos semanas, un jueves": the Thursday of that week."""
    weeks = timedelta(weeks=int(decimal(match["count"])))
    yield monday_of(today + weeks) + timedelta(days=WEEKDAYS[match["weekday"]]), 0.9


def _weeks_after_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weeks = timedelta(weeks=int(decimal(match["count"])))
    yield coming(WEEKDAYS[match["weekday"]], today) + weeks, 0.87


def _weekday_next_week(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield monday_of(today) + timedelta(days=7 + WEEKDAYS[match["weekday"]]), 0.95


def _last_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    weekday = WEEKDAYS[match["weekday"]]
    yield today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1), 0.9


def _nth_weekday(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "El primer lunes del mes que viene", "el último viernes de noviembre"; one that is over is next year's."""
    weekday, nth = WEEKDAYS[match["weekday"]], _NTH[match["nth"]]
    if match["month"]:
        month = next_month(MONTHS[match["month"]], today)
        day = nth_weekday(weekday, nth, month)
        if day is not None and day < today:
            day = nth_weekday(weekday, nth, shifted(month, months=12))
    else:
        day = nth_weekday(weekday, nth, shifted(today.replace(day=1), months=1 if match["next_month"] else 0))
    if day is not None:
        yield day, 0.93


def _today_in(match: re.Match[str], today: date) -> Iterator[Reading]:
    """ "De hoy en ocho" is a week from today, "de mañana en quince" two weeks from tomorrow."""
    start = {"hoy": 0, "mañana": 1}[match["start"]]
    yield today + timedelta(days=start, weeks={"8": 1, "15": 2}[match["count"]]), 0.95


def _in(match: re.Match[str], today: date) -> Iterator[Reading]:
    count, unit = int(decimal(match["count"])), match["unit"]
    weeks = {8: 1, 15: 2}.get(count) if unit.startswith("d") else None
    if weeks is not None:  # "en ocho días" is a week for most people
        yield today + timedelta(weeks=weeks), 0.75
        yield today + timedelta(days=count), 0.25
    else:
        yield _shifted(today, count, unit), 0.9


def _ago(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield _shifted(today, -int(decimal(match["count"])), match["unit"]), 0.9


def _years_and_half_ago(match: re.Match[str], today: date) -> Iterator[Reading]:
    yield shifted(today, months=-12 * int(decimal(match["count"])) - 6), 0.85


def _shifted(today: date, count: int, unit: str) -> date:
    if unit.startswith("a"):
        return shifted(today, months=12 * count)
    return shifted(today, **{_UNITS[unit[0]]: count})


def _named(days: int) -> Builder:
    def build(_: re.Match[str], today: date) -> Iterator[Reading]:
        yield today + timedelta(days=days), 0.97

    return build


def _feast(month: int, number: int) -> Builder:
    def build(_: re.Match[str], today: date) -> Iterator[Reading]:
        day = next_month_day(month, number, today)
        if day is not None:
            yield day, 0.9

    return build


def _end_of_month(match: re.Match[str], today: date) -> Iterator[Reading]:
    first = shifted(today.replace(day=1), months=2 if match["next_month"] else 1)
    yield first - timedelta(days=1), 0.85


def _weekend(_: re.Match[str], today: date) -> Iterator[Reading]:
    saturday = monday_of(today) + timedelta(days=5)
    yield saturday, 0.6
    yield saturday + timedelta(days=1), 0.4


_NTH_OF_MONTH = (
    rf"\b(?P<nth>{'|'.join(map(re.escape, _NTH))}) {_WEEKDAY} (?:(?P<next_month>{_NEXT_MONTH})"
    rf"|del (?:presente )?mes\b|de este mes\b|del? (?:mes de )?(?P<month>{MONTH})\b)"
)
_RULES: tuple[tuple[str, Builder], ...] = (
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso),
    (r"(?<![\d/])(?P<one>\d{1,2})/(?P<two>\d{1,2})(?:/(?P<year>\d{4}|\d\d))?(?![\d/])", _slashed),
    (rf"\b{_WEEKDAY_BEFORE}{_DAY} de (?P<month>{MONTH})\b{_YEAR}", _month_day),
    (rf"\b{_WEEKDAY_BEFORE}(?P<month>{MONTH}) {_DAY}\b{_YEAR}(?![:\d])", _month_day),
    (r"\b(?:de )?(?P<start>hoy|mañana) en (?P<count>8|15)\b(?: días| dias)?", _today_in),
    (r"\bpasado mañana\b|(?<=\bmañana o )pasado\b", _named(2)),
    (r"\b(?:anteayer|antier|antes de ayer|antes de anoche)\b", _named(-2)),
    (rf"\b(?:en|dentro de) {_COUNT} semanas?,? (?:el |1 |un )?{_WEEKDAY}\b", _weeks_on_weekday),
    (rf"\b{_COUNT} semanas? después del? (?:próximo )?{_WEEKDAY}\b", _weeks_after_weekday),
    (rf"\b{_WEEKDAY} en (?P<count>8|15)\b(?: días| dias)?", _weekday_later),
    (rf"\b{_WEEKDAY},? {_NEXT_WEEK}\b", _weekday_next_week),
    (rf"\b{_NEXT_WEEK},? (?:el )?{_WEEKDAY}\b", _weekday_next_week),
    (_NTH_OF_MONTH, _nth_weekday),
    (rf"\b(?:pasado|último|ultimo) {_WEEKDAY}\b", _last_weekday),
    (rf"\b{_WEEKDAY} pasado\b(?! mañana)", _last_weekday),
    (rf"\b{_WEEKDAY},? (?:el )?(?:día )?{_DAY}\b(?! de {MONTH}){_NO_DAY}", _day_of_month),
    (rf"\b(?:día )?{_DAY} (?P<next_month>{_NEXT_MONTH})\b", _day_of_month),
    (
        rf"(?<!\blos )\b(?:(?P<this>este) |(?P<next>próximo|proximo) )?{_WEEKDAY}\b{_COMING}",
        _weekday,
    ),
    (rf"(?<=\bel )(?:día |dia )?(?P<day>[2-9]|[12]\d|3[01]|1(?=º))º?(?! de {MONTH}){_NO_DAY}(?!º)", _day_of_month),
    (rf"\b(?:día|dia) (?P<day>[12]?\d|3[01]){_NO_DAY}", _day_of_month),
    (rf"(?<=\bel )(?P<day>1)º(?! de {MONTH})", _day_of_month),
    (rf"{_NO_PAST}\b(?:en|dentro de|de aqu[ií] a|de acá a) {_COUNT} {_UNIT}\b(?! antes)", _in),
    (rf"(?<!desde )\bhace {_COUNT} años? y medio\b", _years_and_half_ago),
    (rf"\bhace {_COUNT} {_UNIT}\b(?! y (?:medio|media|cuarto)\b)", _ago),
    (
        rf"\b{_END} (?:(?P<next_month>{_NEXT_MONTH})|de (?:este )?mes|del (?:presente )?mes)\b",
        _end_of_month,
    ),
    (r"\b(?:este|el) fin de semana\b(?! que viene| próximo)", _weekend),
    (r"\bnochebuena\b", _feast(12, 24)),
    (r"\bnavidad\b", _feast(12, 25)),
    (r"\bnochevieja\b|\bfin de año\b", _feast(12, 31)),
    (r"\b(?:día de )?(?:los )?reyes magos\b|\bdía de (?:los )?reyes\b", _feast(1, 6)),
    (r"\baño nuevo\b", _feast(1, 1)),
    (
        r"(?<!\bla )(?<!\besta )(?<!\bcada )(?<!\bmedia )(?<!\bhasta )\bmañana\b(?! en (?:8|15)\b)",
        _named(1),
    ),
    (r"\b(?:ayer|anoche)\b", _named(-1)),
    (r"\bhoy(?: mismo| día)?\b|\besta (?:mañana|tarde|noche)\b", _named(0)),
)

_RELATIVE = re.compile(r"\b(?:hoy|mañana|próxim|proxim|este|esta|que viene|dentro|en)\b")
_BARE = re.compile(r"^(?:el |día |dia )*(?P<day>[2-9]|[12]\d|3[01]|1º)[.!]?$")

_read_plain = DateReader(_RULES)


@read_once
def read_dates(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find dates; a value is ISO 8601, alternatives are the other days the words may mean.

    A number alone is a day of the month where a date is what was asked for.
    """
    today = context.reference.date()
    for found in _read_plain(text, context):
        born = BIRTHS.told(text.canonical, found.start)
        yield (
            BIRTHS.backwards(found, today)
            if born and not _RELATIVE.search(text.canonical, found.start, found.end)
            else found
        )
    yield from BIRTHS.dates(text, context)
    match = _BARE.match(text.canonical) if context.expected[:1] == ("date",) else None
    if match is not None:
        days = next_days(int(match["day"].rstrip("º")), context.reference.date())
        yield from (Found("date", match.start("day"), match.end("day"), day.isoformat(), 0.7) for day in days[:1])
