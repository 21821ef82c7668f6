"""Counts as they stand before a unit in canonical English: "3", "2 and a half", "half a", "a couple of"."""

from decimal import Decimal

_FRACTIONS = {"a half": Decimal("0.5"), "a quarter": Decimal("0.25"), "3 quarters": Decimal("0.75")}
_WORDS = {
    "half a": Decimal("0.5"),
    "half an": Decimal("0.5"),
    "half": Decimal("0.5"),
    "a quarter of a": Decimal("0.25"),
    "a quarter of an": Decimal("0.25"),
    "3 quarters of a": Decimal("0.75"),
    "3 quarters of an": Decimal("0.75"),
    "a": Decimal(1),
    "an": Decimal(1),
    "a single": Decimal(1),
    "a couple of": Decimal(2),
    "couple of": Decimal(2),
    "a couple": Decimal(2),
    "a pair of": Decimal(2),
    "a few": Decimal(3),
    "several": Decimal(3),
}
VAGUE = frozenset({"a few", "several"})
"""Counts that name no number; 3 is a guess."""

NUMBER = r"\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,6})?"
FRACTION = r" and (?:a half|a quarter|3 quarters)"
COUNT = (
    rf"(?:{NUMBER}(?:{FRACTION})?|(?:half|a quarter of|3 quarters of) an?|half(?= dozen)|a couple(?: of)?|couple of"
    r"|a few|several|a single|an?)"
)
"""Pattern of a count, without the space behind it; "two and a half", "half a", "a couple of"."""


def decimal(count: str) -> Decimal:
    """Return the number that a count means."""
    if count in _WORDS:
        return _WORDS[count]
    number, _, fraction = count.partition(" and ")
    return Decimal(number.replace(",", "")) + _FRACTIONS.get(fraction, Decimal(0))


def plain(number: Decimal) -> str:
    """Return a number without needless zeros: "2.5", "3"."""
    return f"{number.normalize():f}"
