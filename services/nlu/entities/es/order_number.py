"""How order numbers are told in Spanish."""

from collections.abc import Iterator
from dataclasses import replace

from services.nlu.entities.es.digits import DIGITS
from services.nlu.entities.found import Context, Found
from services.nlu.entities.order_number import OrderNumberReader, OrderWords
from services.nlu.entities.text import SpokenText

_LETTERS = {
    "be": "B", "ve": "V", "uve": "V", "ce": "C", "se": "C", "de": "D", "efe": "F", "ge": "G", "hache": "H", "jota": "J",
    "ka": "K", "ele": "L", "eme": "M", "ene": "N", "pe": "P", "cu": "Q", "erre": "R", "ere": "R", "ese": "S", "te": "T",
    "equis": "X", "ye": "Y", "zeta": "Z", "ah": "A", "ha": "A",
}  # fmt: skip

_WORDS_TOO = frozenset({"de", "te", "se", "ve", "ese", "ah", "ha", "ere"})
"""Names of letters that are common words as well."""
_NAMED = 0.9

_read_plain = OrderNumberReader(
    DIGITS,
    OrderWords(
        spelled_as="de|como en|como|con",
        letter_sounds=_LETTERS,
        doubtful_sounds=frozenset({"de", "te", "se"}),
        order_cue="pedido|orden|factura|referencia|compra|guía|guia|rastreo|recibo|confirmación|folio",
        number_cue=r"\b(?:número|numero|código|codigo)\b[.:,#]?(?: (?:es|era|sería)(?: (?:el|la))?)?[ :,#]*$",
        phone_cue="teléfono|telefono|celular|móvil|movil|tarjeta|whatsapp",
        quantity=(
            r"dólar(?:es)?|dolares|euros?|pesos?|soles|centavos?|por ciento|%|días?|semanas?|mes(?:es)?|años?|horas?"
            r"|minutos?|artículos?|piezas?|personas?|veces|de la (?:mañana|tarde|noche)|am\b|pm\b|a\.m|p\.m"
        ),
    ),
)


def read_order_numbers(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find order numbers; a letter's own name is as good as the letter: "be nueve cero dos siete" is B9027."""
    for found in _read_plain(text, context):
        word = text.canonical[found.start :].partition(" ")[0].rstrip(",")
        if found.alternatives and word in _LETTERS and word not in _WORDS_TOO:
            yield replace(found, alternatives=(), confidence=max(found.confidence, _NAMED))
        else:
            yield found
