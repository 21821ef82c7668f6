"""How order numbers are told in Spanish."""

from services.nlu.entities.es.digits import DIGITS
from services.nlu.entities.order_number import OrderNumberReader, OrderWords

_LETTERS = {
    "be": "B", "ve": "V", "uve": "V", "ce": "C", "se": "C", "de": "D", "efe": "F", "ge": "G", "hache": "H", "jota": "J",
    "ka": "K", "ele": "L", "eme": "M", "ene": "N", "pe": "P", "cu": "Q", "erre": "R", "ere": "R", "ese": "S", "te": "T",
    "equis": "X", "ye": "Y", "zeta": "Z", "ah": "A", "ha": "A",
}  # fmt: skip

read_order_numbers = OrderNumberReader(
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
