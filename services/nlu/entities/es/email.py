"""How e-mail addresses are spoken in Spanish."""

import copy
import unicodedata
from collections.abc import Iterator

from services.nlu.entities.email import AddressWords, EmailReader
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_read_plain = EmailReader(
    AddressWords(
        at=("arroba",),
        dot=("punto",),
        signs={
            "guion bajo": "_",
            "raya baja": "_",
            "guion al piso": "_",
            "guion medio": "-",
            "guion": "-",
            "raya": "-",
            "menos": "-",
            "mas": "+",
        },
        heard_tops={"con": "com", "kom": "com", "come": "com"},
        cue=r"(?:correo|e-?mail|direccion)(?: electronico| de correo)?(?: es)?|escribame a|me escribe a",
        no_names=frozenset({"es", "mi", "el", "a"}),
    )
)


def read_emails(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find e-mail addresses; names lose their accents there, as addresses have none: "josé" is "jose"."""
    folded = copy.copy(text)
    folded.canonical = "".join(unicodedata.normalize("NFD", letter)[0] for letter in text.canonical)
    yield from _read_plain(folded, context)
