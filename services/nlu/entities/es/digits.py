"""How digits are dictated in Spanish."""

from services.nlu.entities.digits import Dictation

DIGITS = Dictation(
    zeros="(?!)",
    repeats={"doble": 2, "triple": 3},
    soundalikes={"sero": "0", "sinco": "5", "seis": "6", "ses": "6", "nuebe": "9"},
    ordinals="º|ª",
)
