"""How long something takes: "an hour and a half", "two to three weeks"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.durations import iso_duration
from services.nlu.entities.en.numerals import COUNT, NUMBER, VAGUE, decimal
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_UNITS = {
    "second": "seconds",
    "sec": "seconds",
    "minute": "minutes",
    "min": "minutes",
    "hour": "hours",
    "hr": "hours",
    "day": "days",
    "night": "days",
    "business day": "days",
    "working day": "days",
    "week": "weeks",
    "fortnight": "fortnights",
    "month": "months",
    "year": "years",
    "decade": "decades",
}
_UNIT = rf"(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})"
_OR_TWO = re.compile(rf"\ban? (?P<unit>{_UNIT}) or 2\b(?! {_UNIT})")
_REST = {"a half": Decimal("0.5"), "a quarter": Decimal("0.25"), "3 quarters": Decimal("0.75")}
_NO_LENGTH = "".join(
    f"(?<!{word} )"
    for word in (
        *("once", "twice", "times", "per", "every"),
        *("dollars", "euros", "pounds", "bucks", "quid", "percent"),
    )
)
"""Not "twice a week", "ten dollars a month"."""
_BEHIND = r"(?! (?:old|ago|later|earlier|off|of the)\b)"
_LENGTH = re.compile(
    rf"(?<![\w.,/:$€£-]){_NO_LENGTH}(?P<count>{COUNT})[ -](?P<unit>{_UNIT})s?\b(?:'s?(?= ))?"
    rf"(?: and (?P<rest>a half|a quarter|3 quarters)\b"
    rf"|(?:,? and|,)? (?P<count2>{NUMBER}) (?P<unit2>{_UNIT})s?\b"
    rf"| (?:and )?(?P<minutes>[1-5]\d|5)\b(?! {_UNIT}|[:.,]?\d))?{_BEHIND}"
)
_SPAN = re.compile(
    rf"(?<![\w.,/:$€£-])(?P<between>between )?(?P<low>{NUMBER})(?P<joint> to | or | and |-| maybe | perhaps )"
    rf"(?:maybe |perhaps )?(?P<high>{NUMBER})[ -](?P<unit>{_UNIT})s?\b{_BEHIND}"
)
_WHOLE_DAY = re.compile(r"\b(?:the|a) (?:whole|full|entire) day\b|\ball day\b")
_EACH = re.compile(r"\b(?:just|wait|give me|hang on|hold on|half|[a-z]+s) $|\d $")
_EACH_NOT_WORDS = (
    "takes",
    "lasts",
    "was",
    "is",
    "needs",
    "costs",
    "it's",
    "that's",
    "there's",
    "perhaps",
    "always",
    "this",
)
_EACH_NOT = tuple(f"{word} " for word in _EACH_NOT_WORDS)
_IDLE = re.compile(r"^(?:an? )?(?:second|sec|minute|min|day)$")


def read_durations(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find lengths of time; a value is ISO 8601, "PT1H30M".

    From one length to another is written with a slash, "P2W/P3W"; "two or three weeks" has an alternative.
    """
    taken: list[tuple[int, int]] = []
    for match in _SPAN.finditer(text.canonical):
        found = _span(match)
        if found is not None:
            taken.append(match.span())
            yield found
    for match in _OR_TWO.finditer(text.canonical):
        taken.append(match.span())
        one, two = (iso_duration({_UNITS[match["unit"]]: Decimal(count)}) for count in (1, 2))
        yield Found("duration", match.start(), match.end(), one, 0.82, (two,))
    for match in _WHOLE_DAY.finditer(text.canonical):
        yield Found("duration", match.start(), match.end(), "P1D", 0.7)
    for match in _LENGTH.finditer(text.canonical):
        if not _each(match) and not any(match.start() < end and start < match.end() for start, end in taken):
            yield _length(match)


def _each(match: re.Match[str]) -> bool:
    """Say whether "a minute" names no length: "just a minute", "three packs a day", "$50 a month"."""
    before = match.string[: match.start()]
    return match["count"] in {"a", "an"} and _EACH.search(before) is not None and not before.endswith(_EACH_NOT)


def _span(match: re.Match[str]) -> Found | None:
    joint = match["joint"].strip()
    if joint == "and" and not match["between"]:
        return None
    low, high = (iso_duration({_UNITS[match["unit"]]: decimal(match[name])}) for name in ("low", "high"))
    if joint in {"to", "-", "and"}:
        return Found("duration", match.start(), match.end(), f"{low}/{high}", 0.88)
    return Found("duration", match.start(), match.end(), low, 0.82, (high,))


def _length(match: re.Match[str]) -> Found:
    count, unit = decimal(match["count"]), _UNITS[match["unit"]]
    parts = {unit: count}
    if match["rest"]:
        parts[unit] += _REST[match["rest"]]
    elif match["count2"]:
        other = _UNITS[match["unit2"]]
        parts[other] = parts.get(other, Decimal(0)) + decimal(match["count2"])
    elif match["minutes"] and unit == "hours":
        parts["minutes"] = Decimal(match["minutes"])
    end = match.end() if not match["minutes"] or unit == "hours" else match.start("minutes") - 1
    return Found("duration", match.start(), end, iso_duration(parts), _confidence(match))


def _confidence(match: re.Match[str]) -> float:
    if match["count"] in VAGUE:
        return 0.5
    return 0.6 if _IDLE.match(match.group()) else 0.84
