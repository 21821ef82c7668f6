"""Shares of a hundred: "el diez por ciento", "12,5 %"."""

import re
from collections.abc import Iterator

from services.nlu.entities.es.numerals import NUMBER, decimal, plain
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_PERCENTAGE = re.compile(
    rf"(?<![\w.,/:$€-])(?P<count>{NUMBER}|medio)(?: (?:punto|coma) (?P<fraction>\d+))?(?: ?%| por (?:ciento|100)\b)"
)


def read_percentages(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find percentages; a value is a decimal and the sign: "12.5%"."""
    for match in _PERCENTAGE.finditer(text.canonical):
        fraction = f".{match['fraction']}" if match["fraction"] else ""
        yield Found("percentage", match.start(), match.end(), f"{plain(decimal(match['count']))}{fraction}%", 0.94)
