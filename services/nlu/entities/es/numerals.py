"""Counts as they stand before a unit in canonical Spanish: "3", "media", "2 y media", "1 par de"."""

import re
from decimal import Decimal

NUMBER = r"\d+(?:[.,]\d+)*"
COUNT = rf"(?:(?:1|un) par de|{NUMBER}|media|medio|unos|unas|varios|varias)"
"""Pattern of a count, without the space behind it."""

VAGUE = frozenset({"unos", "unas", "varios", "varias"})
"""Counts that name no number; 3 is a guess."""

_WORDS = {"media": Decimal("0.5"), "medio": Decimal("0.5"), "1 par de": Decimal(2), "un par de": Decimal(2)}
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")


def decimal(count: str) -> Decimal:
    """Return the number that a count means: "1.500" and "1,500" are 1500, "2,5" and "2.5" are two and a half."""
    if count in VAGUE:
        return Decimal(3)
    if count in _WORDS:
        return _WORDS[count]
    if _THOUSANDS.fullmatch(count):
        return Decimal(re.sub(r"[.,]", "", count))
    whole, sign, fraction = _parted(count)
    return Decimal(f"{re.sub(r'[.,]', '', whole)}.{fraction}" if sign else whole)


def plain(number: Decimal) -> str:
    """Return a number without needless zeros: "2.5", "3"."""
    return f"{number.normalize():f}"


def _parted(count: str) -> tuple[str, str, str]:
    """Part a number at its last sign: that is the decimal one, countries differ in which it is."""
    at = max(count.rfind("."), count.rfind(","))
    return (count[:at], count[at], count[at + 1 :]) if at >= 0 else (count, "", "")
