"""How phone numbers are told in English."""

from services.nlu.entities.en.digits import DIGITS
from services.nlu.entities.phone import PhoneReader

read_phones = PhoneReader(
    DIGITS,
    plus="plus",
    cue="phone|mobile|cell|telephone|call me|call me back|reach me|my number|text me|dial|contact number"
    "|callback number",
    joint="then|and then",
    extension="extension|ext|x",
)
