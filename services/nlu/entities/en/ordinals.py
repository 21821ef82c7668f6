"""Places in a row: "the third one", "my second appointment"."""

import re
from collections.abc import Iterator

from services.nlu.entities.en.calendar_words import MONTH_NAME
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_ORDINAL = re.compile(r"\b(?P<number>\d+)(?:st|nd|rd|th)\b|(?<=\bthe )second\b|(?<=\bmy )second\b|^second\b")
_NO_DAY = re.compile(rf"\b(?:{MONTH_NAME})\.?,? (?:the )?$")
_OF_MONTH = re.compile(rf"^(?: of)? (?:{MONTH_NAME})\b")
"""What is a day of a month was read as one; if it was not, no month has it: "February thirtieth"."""
_NO_PLACE = re.compile(r"^ (?:of all|thing|name|time round)\b")


def read_ordinals(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find ordinals; a value is the plain number: "3"."""
    for match in _ORDINAL.finditer(text.canonical):
        before, behind = text.canonical[: match.start()], text.canonical[match.end() :]
        if not (_NO_PLACE.match(behind) or _OF_MONTH.match(behind) or _NO_DAY.search(before)):
            yield Found("ordinal", match.start(), match.end(), match["number"] or "2", 0.55)
