"""Lengths of time as values."""

from collections.abc import Mapping
from decimal import Decimal

_LETTERS = {"years": "Y", "months": "M", "weeks": "W", "days": "D", "hours": "H", "minutes": "M", "seconds": "S"}
_ON_THE_CLOCK = ("hours", "minutes", "seconds")
_SMALLER = {
    "decades": ("years", 10),
    "years": ("months", 12),
    "fortnights": ("weeks", 2),
    "days": ("hours", 24),
    "hours": ("minutes", 60),
    "minutes": ("seconds", 60),
}


def iso_duration(parts: Mapping[str, Decimal]) -> str:
    """Return a length of time in ISO 8601: {"hours": 1.5} is "PT1H30M", {"weeks": 2} is "P2W".

    Whole units stay as they were said: ninety minutes are "PT90M". A fraction becomes smaller units where these
    divide evenly; half a week and half a month stay fractions, for nobody means three days and a half.

    Args:
        parts: by unit: decades, years, months, fortnights, weeks, days, hours, minutes, seconds.
    """
    whole: dict[str, Decimal] = {}
    for unit, count in parts.items():
        _add(whole, unit, count)
    if "weeks" in whole and len(whole) > 1:  # ISO 8601 has weeks stand alone
        whole["days"] = whole.get("days", Decimal(0)) + whole.pop("weeks") * 7
    date = "".join(_part(unit, whole) for unit in _LETTERS if unit not in _ON_THE_CLOCK)
    clock = "".join(_part(unit, whole) for unit in _ON_THE_CLOCK)
    return f"P{date}T{clock}" if clock else f"P{date or '0D'}"


def _add(whole: dict[str, Decimal], unit: str, count: Decimal) -> None:
    always = unit in {"decades", "fortnights"}
    if unit in _SMALLER and (always or count % 1):
        smaller, times = _SMALLER[unit]
        kept = Decimal(0) if always else count // 1
        _add(whole, smaller, (count - kept) * times)
        count = kept
    if count:
        whole[unit] = whole.get(unit, Decimal(0)) + count


def _part(unit: str, whole: Mapping[str, Decimal]) -> str:
    return f"{whole[unit].normalize():f}{_LETTERS[unit]}" if unit in whole else ""
