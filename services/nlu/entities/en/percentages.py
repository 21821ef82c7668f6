"""Shares of a hundred: "ten percent", "12.5 %"."""

import re
from collections.abc import Iterator

from services.nlu.entities.en.numerals import FRACTION, NUMBER, decimal, plain
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_COUNT = rf"(?P<count>{NUMBER}(?:{FRACTION})?|half a|a)"
_PERCENTAGE = re.compile(rf"(?<![\w.,/:$€£-])(?:a (?=100\b))?{_COUNT}(?: ?%| ?per ?cent(?:age points?)?\b)")
_POINT = re.compile(r"(?P<whole>\d+) point (?P<digits>\d(?: \d)*) ?(?:%|per ?cent)")


def read_percentages(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find percentages; a value is a decimal and the sign: "12.5%"."""
    for match in _POINT.finditer(text.canonical):
        yield Found(
            "percentage", match.start(), match.end(), f"{match['whole']}.{match['digits'].replace(' ', '')}%", 0.95
        )
    for match in _PERCENTAGE.finditer(text.canonical):
        yield Found("percentage", match.start(), match.end(), f"{plain(decimal(match['count']))}%", 0.94)
