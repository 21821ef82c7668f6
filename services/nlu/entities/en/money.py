"""Amounts of money: "$49.90", "forty nine dollars ninety", "two grand"."""

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
    "pounds sterling": "GBP",
    "sterling": "GBP",
    "gbp": "GBP",
    "quid": "GBP",
    "swiss franc": "CHF",
    "franc": "CHF",
    "chf": "CHF",
    "yen": "JPY",
    "canadian dollar": "CAD",
    "australian dollar": "AUD",
}
_SCALES = {"hundred": 100, "100": 100, "grand": 1000, "k": 1000, "thousand": 1000, "1000": 1000}
_SCALES |= {"million": 1_000_000, "1000000": 1_000_000, "mil": 1_000_000, "billion": 10**9, "1000000000": 10**9}
_NOTES = {"fiver": 5, "tenner": 10}
_FIGURES = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2}| point \d{1,2})?"
_VAGUE = r"a couple(?: of)?|couple of|(?<!and a )half(?: an?)?|an?"
_SCALE = rf"(?: ?(?P<scale>{'|'.join(_SCALES)}))"
_AMOUNT = rf"(?P<amount>{_FIGURES})(?: and (?P<fraction>a half|a quarter))?{_SCALE}?"
_UNIT = rf"(?P<unit>{'|'.join(sorted(_NAMES, key=len, reverse=True))})s?"
_PHRASE_END = (
    r"(?=[.,!?;]|$| (?:for|and|please|is|was|it|on|in|but|to|in total|altogether|each|or|per|a (?:day|week|month|year)"
    r"|off|back|now|right|thanks)\b)"
)
_MORE = r"[1-9]\d|and a half"
_CUE = r"(?:cost|costs|costing|pay|paid|paying|charge|charged|charges|price|bill|owe|owed|total|refund|refunded|spent"
_CUE += r"|balance|fee|deposit|budget|amount|worth|invoice|premium|rent)"
_BETWEEN = r"(?: (?:me|you|us|is|was|of|about|around|like|came|to|comes|it|only|just|at|be|for|a|with|for it))*"
_BEFORE = r"(?<![\w.,/:$€£-])"
_RULES: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern), confidence)
    for pattern, confidence in (
        (rf"(?P<sign>[$€£]) ?{_AMOUNT}(?![\d])", 0.98),
        (rf"{_BEFORE}{_AMOUNT} ?(?P<sign>[$€£])", 0.98),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT}(?:,? and|,)? (?P<cents>\d{{1,2}}) (?:cents?|pence|pennies|p)\b", 0.98),
        (rf"{_BEFORE}(?P<vague>{_VAGUE}){_SCALE} ?(?:of )?{_UNIT}\b", 0.9),
        (rf"{_BEFORE}(?P<hundreds>[1-9]) (?P<tens>[1-9]\d) {_UNIT}\b(?! of\b)", 0.85),
        (rf"{_BEFORE}(?P<amount>\d{{2,3}}) (?P<cents>\d\d) {_UNIT}\b(?! of\b)", 0.9),
        (rf"{_BEFORE}{_AMOUNT} ?{_UNIT}(?: and|,)? (?P<cents>[1-9]\d){_PHRASE_END}", 0.95),
        (rf"{_BEFORE}(?:a (?=1\d\d))?{_AMOUNT} ?{_UNIT}(?: and (?P<cents>a half))?\b(?! of\b)", 0.95),
        (rf"{_BEFORE}(?P<vague>a couple(?: of)?|half an?|an?) {_UNIT}(?: (?P<cents>{_MORE})\b)?{_PHRASE_END}", 0.8),
        (rf"{_BEFORE}(?P<amount>{_FIGURES})(?: and (?P<fraction>a half))? ?(?P<scale>grand)\b", 0.9),
        (rf"{_BEFORE}(?P<vague>half an?|a couple(?: of)?|a) (?P<scale>grand)\b", 0.8),
        (r"\b(?:a|(?P<amount>\d+)) (?P<note>fiver|tenner)s?\b", 0.85),
        (rf"{_BEFORE}(?P<cents>\d{{1,2}}) (?:cents?|pence|pennies)\b", 0.95),
    )
)
_TWO_PARTS = re.compile(r"(?<![\d.,/:$-])(?P<amount>\d{1,4}) (?P<cents>\d\d)(?![\d.,]\d|\d|[/:-]| \d| ?%)")
_PLAIN = re.compile(rf"(?<![\d.,/:$-])(?P<amount>{_FIGURES}){_SCALE}?(?!\d|[./:-]\d|st\b|nd\b|rd\b|th\b| \d| ?%)")
_CUED = tuple(
    (re.compile(rf"\b{_CUE}{_BETWEEN} {pattern}{_PHRASE_END}"), 0.75)
    for pattern in (
        r"(?:a (?=1\d\d))?(?P<amount>\d{1,4}) (?P<cents>\d\d)(?!\d)",
        rf"(?:a (?=1\d\d))?(?P<amount>{_FIGURES}){_SCALE}?",
    )
)
_GUARD = re.compile(rf"[\d$€£]|grand|fiver|tenner|{'|'.join(_NAMES)}")
_EXPECTED = ((_TWO_PARTS, 0.7), (_PLAIN, 0.7))


def read_money(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find amounts; a value is a decimal with two places and an ISO 4217 code: "49.90 USD".

    Bare numbers count where an amount is expected or announced ("it cost"), in the domain's currency. "Two fifty" may
    be 2.50 or 250.
    """
    if not _GUARD.search(text.canonical):
        return
    taken: list[tuple[int, int]] = []
    for pattern, confidence in (*_RULES, *_CUED, *(_EXPECTED if "money" in context.expected else ())):
        for match in pattern.finditer(text.canonical):
            start = _start(match)
            if any(start < end and before < match.end() for before, end in taken):
                continue
            taken.append((start, match.end()))
            yield _found(match, start, context.currency, confidence)


def _start(match: re.Match[str]) -> int:
    """Leave out the words that announce an amount."""
    groups = match.groupdict()
    if groups.get("sign"):
        return match.start()
    begin = match.start("amount") if groups.get("amount") else match.start()
    return begin - 2 if re.search(r"(?:^|\W)a $", match.string[match.start() : begin]) else begin


def _found(match: re.Match[str], start: int, currency: str, confidence: float) -> Found:
    groups = match.groupdict()
    code = SIGNS.get(groups.get("sign") or "") or _NAMES.get(groups.get("unit") or "", currency)
    if groups.get("note"):
        total = Decimal(groups["amount"] or 1) * _NOTES[groups["note"]]
        return Found("money", start, match.end(), amount(total, _note_currency(currency)), confidence)
    if groups.get("hundreds"):  # "two fifty dollars"
        said, less = groups["hundreds"] + groups["tens"], f"{groups['hundreds']}.{groups['tens']}"
        return Found(
            "money", start, match.end(), amount(Decimal(said), code), confidence, (amount(Decimal(less), code),)
        )
    total = _whole(groups) + _cents(groups.get("cents") or "0")
    others = _others(groups, code)
    return Found("money", start, match.end(), amount(total, code), confidence, others)


def _note_currency(currency: str) -> str:
    return currency if currency in {"EUR", "USD", "AUD"} else "GBP"


def _whole(groups: dict[str, str | None]) -> Decimal:
    scale = _SCALES.get(groups.get("scale") or "", 1)
    vague = groups.get("vague")
    if vague:
        whole = Decimal("0.5") if vague.startswith("half") else Decimal(2 if "couple" in vague else 1)
    else:
        whole = Decimal((groups.get("amount") or "0").replace(",", "").replace(" point ", "."))
    whole += {"a half": Decimal("0.5"), "a quarter": Decimal("0.25")}.get(groups.get("fraction") or "", Decimal(0))
    return whole * scale


def _cents(said: str) -> Decimal:
    return Decimal("0.5") if said.endswith("half") else Decimal(said) / 100


def _others(groups: dict[str, str | None], code: str) -> tuple[str, ...]:
    """Return the other reading of "two fifty", 250, where no unit decides."""
    hundreds, cents = groups.get("amount"), groups.get("cents")
    if groups.get("unit") or groups.get("sign") or not hundreds or not cents or len(hundreds) > 1 or cents[0] == "0":
        return ()
    return (amount(Decimal(hundreds + cents), code),)
