"""How long something takes: "una hora y media", "de dos a tres semanas", "tres cuartos de hora"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.durations import iso_duration
from services.nlu.entities.es.numerals import COUNT, NUMBER, VAGUE, decimal
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_UNITS = {
    "segundo": "seconds",
    "minuto": "minutes",
    "hora": "hours",
    "día hábil": "days",
    "día": "days",
    "dia": "days",
    "noche": "days",
    "semana": "weeks",
    "quincena": "fortnights",
    "mes": "months",
    "año": "years",
    "década": "decades",
}
_UNIT = r"(?:segundo|minuto|hora|días? hábil|día|dia|noche|semana|quincena|mes|año|década)"
_REST = {"media": Decimal("0.5"), "medio": Decimal("0.5"), "cuarto": Decimal("0.25")}
_BEFORE = r"(?<![\w.,/:$€-])(?<!\ben )(?<!(?<!desde )hace )(?<!dentro de )(?<!\ba las )(?<!\bel )(?<!\bcada )"
_BEHIND = r"(?! (?:antes|después|atrás)\b)"
_LENGTH = re.compile(
    rf"{_BEFORE}(?P<count>{COUNT}) (?P<unit>{_UNIT})(?:es|s)?\b(?: hábiles)?"
    rf"(?: y (?P<rest>media|medio|cuarto)\b| (?:y|con) (?P<count2>{NUMBER}) (?P<unit2>{_UNIT})(?:es|s)?\b)?{_BEHIND}"
)
_QUARTERS = re.compile(r"\b(?P<count>3 cuartos|1 cuarto) de hora\b")
_HALVES = re.compile(r"(?<!\d )\bhora y media\b")
_SPAN = re.compile(
    rf"{_BEFORE}(?:de |entre )?(?P<low>{NUMBER})(?P<joint> a | o | y |-)(?P<high>{NUMBER})"
    rf" (?P<unit>{_UNIT})(?:es|s)?\b{_BEHIND}"
)


def read_durations(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find lengths of time; a value is ISO 8601, "PT1H30M".

    From one length to another is written with a slash, "P2W/P3W"; "dos o tres semanas" has an alternative.
    """
    taken: list[tuple[int, int]] = []
    for found in _all(text.canonical):
        if not any(found.start < end and start < found.end for start, end in taken):
            taken.append((found.start, found.end))
            yield found


def _all(canonical: str) -> Iterator[Found]:
    for match in _SPAN.finditer(canonical):
        low, high = (iso_duration({_unit(match["unit"]): decimal(match[name])}) for name in ("low", "high"))
        if match["joint"] in {" a ", "-"} or canonical.startswith("entre", match.start()):
            yield Found("duration", match.start(), match.end(), f"{low}/{high}", 0.93)
        elif match["joint"] == " o ":
            yield Found("duration", match.start(), match.end(), low, 0.85, (high,))
    for match in _QUARTERS.finditer(canonical):
        yield Found("duration", match.start(), match.end(), f"PT{'45' if match['count'][0] == '3' else '15'}M", 0.92)
    for match in _HALVES.finditer(canonical):
        yield Found("duration", match.start(), match.end(), "PT1H30M", 0.85)
    for match in _LENGTH.finditer(canonical):
        yield _length(match)


def _length(match: re.Match[str]) -> Found:
    unit = _unit(match["unit"])
    parts = {unit: decimal(match["count"])}
    if match["rest"]:
        parts[unit] += _REST[match["rest"]]
    elif match["count2"]:
        other = _unit(match["unit2"])
        parts[other] = parts.get(other, Decimal(0)) + decimal(match["count2"])
    sure = 0.5 if match["count"] in VAGUE else 0.9
    return Found("duration", match.start(), match.end(), iso_duration(parts), sure)


def _unit(said: str) -> str:
    return _UNITS[said.replace("días ", "día ")]
