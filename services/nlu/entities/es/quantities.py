"""How much or how many: "dos docenas", "medio kilo", "tres cajas"."""

import re
from collections.abc import Iterator
from decimal import Decimal

from services.nlu.entities.es.numerals import COUNT, VAGUE, decimal, plain
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_MEASURES = {
    "kilo": "kg", "kilogramo": "kg", "gramo": "g", "miligramo": "mg", "tonelada": "t", "libra": "lb", "onza": "oz",
    "litro": "l", "mililitro": "ml", "galón": "gal", "kilómetro": "km", "metro": "m", "centímetro": "cm",
    "milímetro": "mm", "milla": "mi", "pie": "ft", "pulgada": "in", "giga": "GB", "megabyte": "MB",
}  # fmt: skip
_THINGS = {
    "caja": "boxes", "bolsa": "bags", "botella": "bottles", "paquete": "packages", "par": "pairs", "pieza": "pieces",
    "unidad": "units", "artículo": "items", "persona": "people", "pastilla": "pills", "copia": "copies", "taza": "cups",
    "lata": "cans", "frasco": "jars", "juego": "sets", "hoja": "sheets", "boleto": "tickets",
}  # fmt: skip
_NAMES = "|".join(sorted((*_MEASURES, *_THINGS), key=len, reverse=True))
_MEASURED = re.compile(
    rf"(?<![\w.,/:$€-])(?P<count>{COUNT}) (?P<unit>{_NAMES})(?:es|s)?\b(?! de docenas?)"
    rf"(?: y (?P<rest>medi[oa]|cuarto)\b)?"
)
_AND_HALF = re.compile(r"(?<!\d )\b(?P<unit>kilo|litro|metro) y (?P<rest>medio|cuarto)\b")
_METRES = re.compile(r"(?<![\w.,/:$€-])(?P<count>[12]) metros? (?:con )?(?P<rest>\d\d)\b(?! ?\d)")
_DOZENS = re.compile(rf"(?<![\w.,/:$€-])(?P<count>{COUNT}) docenas?\b(?: de)?")
_REST = {"medio": Decimal("0.5"), "media": Decimal("0.5"), "cuarto": Decimal("0.25")}


def read_quantities(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find quantities; a value is a decimal and the unit in English: "0.5 kg", "3 boxes"; a dozen alone is "12"."""
    for match in _AND_HALF.finditer(text.canonical):  # "kilo y medio"
        number = 1 + _REST[match["rest"]]
        yield Found("quantity", match.start(), match.end(), f"{plain(number)} {_MEASURES[match['unit']]}", 0.9)
    for match in _METRES.finditer(text.canonical):  # "un metro ochenta"
        number = Decimal(f"{match['count']}.{match['rest']}")
        yield Found("quantity", match.start(), match.end(), f"{plain(number)} m", 0.91)
    for match in _MEASURED.finditer(text.canonical):
        number = decimal(match["count"]) + _REST.get(match["rest"] or "", Decimal(0))
        unit = _MEASURES.get(match["unit"]) or _THINGS[match["unit"]]
        sure = 0.5 if match["count"] in VAGUE else 0.9
        yield Found("quantity", match.start(), match.end(), f"{plain(number)} {unit}", sure)
    for match in _DOZENS.finditer(text.canonical):
        end = match.end() - 3 if match.group().endswith(" de") else match.end()
        yield Found("quantity", match.start(), end, plain(decimal(match["count"]) * 12), 0.85)
