"""Plain numbers in Spanish."""

from services.nlu.entities.es.calendar_words import MONTH
from services.nlu.entities.es.digits import DIGITS
from services.nlu.entities.number import NumberReader

read_numbers = NumberReader(
    DIGITS,
    pronouns=frozenset({"unos", "unas", "un", "una", "uno"}),
    code="código postal|codigo postal|c\\.? ?p|prefijo|lada|pin|clave",
    sign="menos",
    no_number=rf" de {MONTH}\b",
)
