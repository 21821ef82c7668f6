"""Digits one after another, as people dictate them: "five five five, oh one two", "double four"."""

import re

_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_SOUNDALIKES = {"for": "4", "fore": "4", "to": "2", "too": "2", "won": "1", "ate": "8", "niner": "9", "fife": "5"}

UNIT = r"(?:(?:double|triple|treble) (?:\d|oh?\b)|\d+(?!\d|st\b|nd\b|rd\b|th\b|[.:]\d)|oh?\b)"
"""One or more digits said in one go, on canonical text."""

_SOUNDALIKE = rf"(?:{'|'.join(_SOUNDALIKES)})(?=,? \d(?!\d)|[.,!?]*$)"
"""A word that sounds like a digit, before a single digit or at the very end."""

CHAIN = rf"{UNIT}(?:(?:, |[ \-]){UNIT})*"
"""Digits with no more than a space, comma or hyphen between."""

_BEHIND_ONE_DIGIT = r"(?:(?<=[ -]\d[ -])|(?<=[ -]\d, ))"
LOOSE_CHAIN = rf"(?:{_SOUNDALIKE} )?{UNIT}(?:(?:, |[ \-])(?:{_BEHIND_ONE_DIGIT}{_SOUNDALIKE}|{UNIT}))*"
"""The same, words that sound like digits among single ones: "A for five one too"."""

_PIECE = re.compile(rf"{_SOUNDALIKE}|{UNIT}")
_SOUNDS = re.compile(rf"\b(?:{'|'.join(_SOUNDALIKES)})\b")


def digits_of(chain: str) -> str:
    """Return the digits of a chain."""
    return "".join(_digits(piece) for piece in _PIECE.findall(chain))


def guessed(chain: str) -> bool:
    """Say whether a chain has words that only sound like digits."""
    return _SOUNDS.search(chain) is not None


def _digits(piece: str) -> str:
    first, _, rest = piece.partition(" ")
    if rest:
        return _digits(rest) * _REPEATS[first]
    if piece in {"o", "oh"}:
        return "0"
    return _SOUNDALIKES.get(piece, piece)
