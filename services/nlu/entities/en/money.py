"""Amounts of money: "$49.90", "forty nine dollars ninety"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.amounts import SIGNS, amount
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NAMES = {
    "dollar": "USD",
    "buck": "USD",
    "usd": "USD",
    "us dollar": "USD",
    "euro": "EUR",
    "eur": "EUR",
    "pound": "GBP",
    "gbp": "GBP",
    "quid": "GBP",
    "swiss franc": "CHF",
    "chf": "CHF",
}
_AMOUNT = r"(?P<amount>\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2}| point \d{1,2})?)"
_UNIT = rf"(?P<unit>{'|'.join(sorted(_NAMES, key=len, reverse=True))})s?"
_PHRASE_END = r"(?=[.,!?;]|$| (?:for|and|please|is|was|it|on|in|but|to|in total|altogether|each)\b)"
_RULES: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern), confidence)
    for pattern, confidence in (
        (rf"(?P<sign>[$€£]) ?{_AMOUNT}(?![\d])", 0.98),
        (rf"(?<![\d.,]){_AMOUNT} ?{_UNIT}(?:,? and|,)? (?P<cents>\d{{1,2}}) (?:cents?|pence|pennies)\b", 0.98),
        (rf"(?<![\d.,]){_AMOUNT} ?{_UNIT}(?: and|,)? (?P<cents>[1-9]\d){_PHRASE_END}", 0.95),
        (rf"(?<![\d.,]){_AMOUNT} ?{_UNIT}\b(?! of\b)", 0.95),
        (r"(?<![\d.,])(?P<cents>\d{1,2}) (?:cents?)\b", 0.95),
    )
)
_BARE = (
    (re.compile(r"(?<![\d.,/:$-])(?P<amount>\d{1,4}) (?P<cents>\d\d)(?![\d.,]\d|\d|[/:-]| \d)"), 0.7),
    (re.compile(rf"(?<![\d.,/:$-]){_AMOUNT}(?!\d|[./:-]\d|st\b|nd\b|rd\b|th\b| \d)"), 0.7),
)


def read_money(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find amounts; a value is a decimal with two places and an ISO 4217 code: "49.90 USD".

    Bare numbers count where an amount is expected, in the domain's currency.
    """
    taken: list[tuple[int, int]] = []
    for pattern, confidence in (*_RULES, *(_BARE if "money" in context.expected else ())):
        for match in pattern.finditer(text.canonical):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            yield Found("money", match.start(), match.end(), _value(match, context.currency), confidence)


def _value(match: re.Match[str], currency: str) -> str:
    groups = match.groupdict()
    whole = Decimal((groups.get("amount") or "0").replace(",", "").replace(" point ", "."))
    total = whole + Decimal(groups.get("cents") or 0) / 100
    code = SIGNS.get(groups.get("sign") or "") or _NAMES.get(groups.get("unit") or "", currency)
    return amount(total, code)
