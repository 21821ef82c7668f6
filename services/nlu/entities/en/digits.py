"""How digits are dictated in English."""

from services.nlu.entities.digits import Dictation

DIGITS = Dictation(
    zeros="oh?",
    repeats={"double": 2, "triple": 3, "treble": 3},
    soundalikes={
        "for": "4",
        "fore": "4",
        "to": "2",
        "too": "2",
        "won": "1",
        "ate": "8",
        "niner": "9",
        "fife": "5",
    },
    ordinals="st|nd|rd|th",
)
