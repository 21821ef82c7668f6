"""Places in a row: "la tercera", "mi segunda cita", "el primer turno"."""

import re
from collections.abc import Iterator

from services.nlu.entities.es.calendar_words import MONTH
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_WORDS = {
    "primer": "1",
    "primera": "1",
    "segundo": "2",
    "segunda": "2",
    "tercer": "3",
    "tercera": "3",
    "cuarto": "4",
    "cuarta": "4",
    "último": "-1",
    "última": "-1",
}
_ORDINAL = re.compile(
    rf"\b(?P<number>\d+)[ºª](?! de (?:{MONTH}|mes)\b)"
    r"|(?<=\bel )(?P<he>primer|segundo|tercer|cuarto|último)\b(?! (?:para|de)\b)"
    r"|(?<=\bla )(?P<she>primera|segunda|tercera|cuarta|última)\b|(?<=\bmi )(?P<my>primera?|segund[oa]|tercera?)\b"
)


def read_ordinals(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find ordinals; a value is the plain number: "3", "-1" for the last."""
    for match in _ORDINAL.finditer(text.canonical):
        word = match["he"] or match["she"] or match["my"]
        yield Found("ordinal", match.start(), match.end(), _WORDS[word] if word else match["number"], 0.55)
