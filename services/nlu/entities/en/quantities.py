"""How much or how many: "two dozen", "half a kilo", "three boxes"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.en.numerals import COUNT, NUMBER, VAGUE, decimal, plain
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_MEASURES = {
    "kg": "kilo kilos kilogram kilograms kilogramme kilogrammes kg kgs",
    "g": "gram grams gramme grammes",
    "mg": "milligram milligrams mg",
    "t": "ton tons tonne tonnes",
    "lb": "lb lbs",
    "oz": "ounce ounces oz",
    "l": "litre litres liter liters",
    "ml": "millilitre millilitres milliliter milliliters ml",
    "gal": "gallon gallons",
    "pt": "pint pints",
    "km": "kilometre kilometres kilometer kilometers km",
    "m": "metre metres meter meters",
    "cm": "centimetre centimetres centimeter centimeters cm",
    "mm": "millimetre millimetres millimeter millimeters mm",
    "mi": "mile miles",
    "yd": "yard yards",
    "ft": "foot feet",
    "in": "inch inches",
    "m2": "square metres square meters",
    "sq ft": "square foot square feet",
    "GB": "gigabyte gigabytes gig gigs gb",
    "MB": "megabyte megabytes mb",
    "C": "degrees celsius",
}
_TWO_WORDS = ("square", "degrees")
_THINGS = """
    bag:bags basket:baskets bottle:bottles box:boxes bunch:bunches can:cans carton:cartons case:cases copy:copies
    crate:crates cup:cups glass:glasses item:items jar:jars licence:licences license:licenses loaf:loaves pack:packs
    package:packages packet:packets pair:pairs pallet:pallets parcel:parcels person:people piece:pieces
    pill:pills portion:portions roll:rolls room:rooms seat:seats set:sets sheet:sheets slice:slices tablet:tablets
    ticket:tickets tin:tins tube:tubes unit:units
"""
_AMOUNTLESS = frozenset({"a", "an"})


def _measures() -> dict[str, str]:
    units: dict[str, str] = {}
    for unit, words in _MEASURES.items():
        pieces = iter(words.split())
        for piece in pieces:
            units[f"{piece} {next(pieces)}" if piece in _TWO_WORDS else piece] = unit
    return units


_UNITS = _measures()
_NAMES = {form: one for one, _, many in (pair.partition(":") for pair in _THINGS.split()) for form in (one, many)}
_WORDS = "|".join(sorted({*_UNITS, *_NAMES}, key=len, reverse=True))
_QUANTITY = re.compile(
    rf"(?<![\w.,/:$€£-])(?P<count>{COUNT})[ -]?(?P<dozen>dozens?\b)?(?(dozen)| ?(?P<unit>{_WORDS})\b)"
    rf"(?: and (?P<rest>a half|a quarter|3 quarters)\b)?"
)
_SPAN = re.compile(
    rf"(?<![\w.,/:$€£-])(?P<low>{NUMBER}) (?P<joint>or|to) (?:maybe )?(?P<high>{NUMBER}) (?P<unit>{_WORDS})\b"
)
_POUNDS = re.compile(rf"(?<![\w.,/:$€£-])(?P<count>{COUNT}) (?P<unit>pounds?)(?= of\b)")
_REST = {"a half": Decimal("0.5"), "a quarter": Decimal("0.25"), "3 quarters": Decimal("0.75")}


def read_quantities(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find quantities; a value is a decimal and its unit, "0.5 kg", "3 box"; dozens are counted, "24".

    "Three or four boxes" has an alternative; "three to four" is written with a slash.
    """
    yield from _spans(text.canonical)
    for match in _QUANTITY.finditer(text.canonical):
        number = decimal(match["count"]) + _REST.get(match["rest"] or "", Decimal(0))
        if match["dozen"]:
            yield Found("quantity", match.start(), match.end(), plain(number * 12), 0.9)
        elif match["unit"] in _UNITS or match["count"] not in _AMOUNTLESS or match["unit"] == "pair":
            unit = _UNITS.get(match["unit"]) or _NAMES[match["unit"]]
            value = f"{plain(number)} {unit}"
            yield Found("quantity", match.start(), match.end(), value, 0.5 if match["count"] in VAGUE else 0.88)
    for match in _POUNDS.finditer(text.canonical):
        yield Found("quantity", match.start(), match.end(), f"{plain(decimal(match['count']))} lb", 0.85)


def _spans(canonical: str) -> Iterator[Found]:
    for match in _SPAN.finditer(canonical):
        unit = _UNITS.get(match["unit"]) or _NAMES[match["unit"]]
        low, high = (f"{plain(decimal(match[name]))} {unit}" for name in ("low", "high"))
        if match["joint"] == "or":
            yield Found("quantity", match.start(), match.end(), low, 0.89, (high,))
        else:
            yield Found("quantity", match.start(), match.end(), f"{low}/{high}", 0.89)
