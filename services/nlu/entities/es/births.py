"""Dates of birth in Spanish: "nací el tres de marzo del ochenta y cinco", "del quince del ocho del setenta y dos"."""

from services.nlu.entities.births import BirthReader
from services.nlu.entities.es.calendar_words import MONTH, MONTHS

_DAY = r"(?P<day>\d{1,2})º?"
_MONTH = rf"(?P<month>{MONTH})"
_YEAR = r"(?P<year>(?:19|20) ?\d\d|'?\d\d|0 ?\d)(?![\d:/-]| ?\d)"
_OF = r",? (?:del? )?(?:año )?"

BIRTHS = BirthReader(
    cue=r"\b(?:nac[ií]|naci[oó]|nacid[oa]|nacimiento|naciste|cumpleaños(?: es|:)|cumplo(?: años)?|soy del)\b",
    stop=r"\b(?:cita|turno|reserv\w+|visita|quiero|quisiera)\b|[.?!] ",
    dates=(
        rf"\b{_DAY} de {_MONTH}{_OF}{_YEAR}",
        rf"\b{_MONTH} {_DAY}{_OF}{_YEAR}",
    ),
    figures=r"(?<![\d/])(?P<one>\d{1,2})(?: del? | de |[ ,/-]{1,2})(?P<two>\d{1,2})(?: del? (?:año )?|[ ,/-]{1,2})"
    + _YEAR,
    months=rf"\b(?:en )?{_MONTH}{_OF}{_YEAR}",
    years=rf"(?:(?<!\bsoy )\b(?:en(?: el)?|del?)(?: año)? |(?<=\bsoy del )){_YEAR}",
    names=MONTHS,
    zero=r"(?!)",
    day_first=True,
)
