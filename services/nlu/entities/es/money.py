"""Amounts of money: "$49.90", "cuarenta y nueve dólares con noventa", "mil quinientos pesos"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.amounts import SIGNS, amount
from services.nlu.entities.es.numerals import NUMBER, decimal
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_PESOS = {"MX": "MXN", "AR": "ARS", "CO": "COP", "CL": "CLP", "UY": "UYU", "DO": "DOP", "CU": "CUP"}
"""The pesos by the country of the speaker."""
_LIKELY_PESOS = ("MXN", "ARS", "COP", "CLP")
"""Those of the most speakers; a peso may be any of them where no country is known."""
_DOUBTFUL = 0.7
_NAMES = {
    "dólar": "USD",
    "dolar": "USD",
    "dólares": "USD",
    "dolares": "USD",
    "usd": "USD",
    "euro": "EUR",
    "euros": "EUR",
    "eur": "EUR",
    "libra": "GBP",
    "libras": "GBP",
    "franco suizo": "CHF",
    "francos suizos": "CHF",
    "sol": "PEN",
    "soles": "PEN",
    "quetzal": "GTQ",
    "quetzales": "GTQ",
    "mxn": "MXN",
    "peso": "",
    "pesos": "",
    "pesos mexicanos": "MXN",
    "pesos argentinos": "ARS",
    "pesos colombianos": "COP",
    "pesos chilenos": "CLP",
    "pesos uruguayos": "UYU",
    "pesos dominicanos": "DOP",
    "pesos cubanos": "CUP",
}
_ARTICLES = frozenset({"un", "una"})
_AMOUNT = rf"(?P<amount>\d+000000 y medio de|{NUMBER}(?: millones(?: de)?|(?<=000000) de)?)"
_UNIT = rf"(?P<unit>{'|'.join(sorted(_NAMES, key=len, reverse=True))})"
_CENTS = r"(?P<cents>\d{1,2})"
_BEFORE = r"(?<![\w.,/:$€-])"
_RULES: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern), confidence)
    for pattern, confidence in (
        (rf"(?P<sign>[$€£]) ?{_AMOUNT}(?!\d)", 0.98),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT}(?: y| con|,)? {_CENTS} (?:centavos?|céntimos?|centimos?|peniques?)\b", 0.98),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT} con {_CENTS}\b(?! ?\d)", 0.96),
        (rf"{_BEFORE}{_AMOUNT} con {_CENTS} ?{_UNIT}\b", 0.95),
        (rf"{_BEFORE}(?P<amount>\d{{1,4}}) {_CENTS} ?{_UNIT}\b", 0.9),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT} (?P<cents>[1-9]\d)(?=[.,!?;]|$| (?:por|y|en total|más)\b)", 0.93),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT} y (?P<half>medio)\b", 0.93),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT}\b", 0.95),
        (rf"{_BEFORE}{_CENTS} (?:centavos?|céntimos?|centimos?)\b", 0.95),
    )
)
_BARE = (
    (re.compile(rf"{_BEFORE}(?P<amount>\d{{1,6}}) (?:con |y )?(?P<cents>\d\d)(?![\d.,]\d|\d|[/:-]|,? \d)"), 0.7),
    (re.compile(rf"{_BEFORE}{_AMOUNT}(?!\d|º|[./:-]\d|,? \d)"), 0.7),
)


def read_money(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find amounts; a value is a decimal with two places and an ISO 4217 code: "49.90 USD".

    "Pesos" are the domain's where its currency is a peso, else those of the country in the language tag or of the
    telephone numbers; where no country is known, they are doubtful, and the other ones are alternatives. Bare numbers
    count where an amount is expected, in the domain's currency.
    """
    country = text.language.rpartition("-")[2].upper()
    pesos = next((_PESOS[known] for known in (country, context.phone_region) if known in _PESOS), "")
    if context.currency in _PESOS.values():
        pesos = context.currency
    taken: list[tuple[int, int]] = []
    for pattern, confidence in (*_RULES, *(_BARE if "money" in context.expected else ())):
        for match in pattern.finditer(text.canonical):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            start, end = text.source(*match.span())
            if text.raw[start:end].lower() in _ARTICLES:
                continue
            taken.append(match.span())
            total, code = _total(match), _code(match, context.currency)
            if code or pesos:
                yield Found("money", match.start(), match.end(), amount(total, code or pesos), confidence)
            else:  # whose pesos is to be asked
                likely, *others = (amount(total, one) for one in _LIKELY_PESOS)
                yield Found("money", match.start(), match.end(), likely, _DOUBTFUL, tuple(others))


def _total(match: re.Match[str]) -> Decimal:
    groups = match.groupdict()
    said = groups.get("amount") or "0"
    number = re.match(NUMBER, said)
    whole = decimal(number.group() if number else "0") * (1_000_000 if "millones" in said else 1)
    whole += 500_000 if " y medio" in said else 0  # "dos millones y medio"
    return whole + Decimal(groups.get("cents") or 0) / 100 + (Decimal("0.5") if groups.get("half") else 0)


def _code(match: re.Match[str], currency: str) -> str:
    """Return the currency; empty: pesos, of which country is not said."""
    groups = match.groupdict()
    if groups.get("sign"):
        return SIGNS[groups["sign"]]
    return _NAMES[groups["unit"]] if groups.get("unit") else currency
