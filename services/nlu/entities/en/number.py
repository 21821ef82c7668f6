"""Plain numbers in English."""

from services.nlu.entities.en.calendar_words import PLAIN_MONTHS
from services.nlu.entities.en.digits import DIGITS
from services.nlu.entities.number import NumberReader

read_numbers = NumberReader(
    DIGITS,
    pronouns=frozenset({"one"}),
    code="zip|zip ?codes?|postal code|post ?code|area code|pin|passcode",
    sign="minus|negative",
    no_number=rf"(?: of)? (?:{PLAIN_MONTHS})\b",
    no_number_before=rf"\b(?:{PLAIN_MONTHS}) ",
)
