"""Places in a row: "the third one", "my second appointment"."""

import re
from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_ORDINAL = re.compile(r"\b(?P<number>\d+)(?:st|nd|rd|th)\b|(?<=\bthe )second\b|(?<=\bmy )second\b|^second\b")
_NO_PLACE = re.compile(r"^ (?:of all|thing|name|time round)\b")


def read_ordinals(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find ordinals; a value is the plain number: "3"."""
    for match in _ORDINAL.finditer(text.canonical):
        if not _NO_PLACE.match(text.canonical[match.end() :]):
            yield Found("ordinal", match.start(), match.end(), match["number"] or "2", 0.55)
