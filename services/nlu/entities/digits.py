"""Digits one after another, as people dictate them: "five five five, oh one two", "double four"."""

import re
from collections.abc import Mapping


class Dictation:
    """How digits are dictated in one language; all patterns are for canonical text.

    Attributes:
        unit: pattern of one or more digits said in one go.
        chain: pattern of units with no more than a space, comma or hyphen between.
        loose_chain: the same, words that sound like digits among single ones: "A for five one too".
    """

    def __init__(
        self, *, zeros: str, repeats: Mapping[str, int], soundalikes: Mapping[str, str], ordinals: str
    ) -> None:
        """Say how digits are dictated.

        Args:
            zeros: pattern of the words for 0 that are no number words: "oh?".
            repeats: words that repeat the digit behind them, and how often it counts: {"double": 2}.
            soundalikes: what recognisers write for a digit, and the digit: {"for": "4"}.
            ordinals: pattern of what makes digits an ordinal: "st|nd|rd|th".
        """
        self._zeros = re.compile(zeros)
        self._repeats = repeats
        self._soundalikes = soundalikes
        sounds = "|".join(soundalikes) or "(?!)"
        self.unit = rf"(?:(?:{'|'.join(repeats)}) (?:\d|(?:{zeros})\b)|\d+(?!\d|(?:{ordinals})\b|[.:]\d)|(?:{zeros})\b)"
        soundalike = rf"(?:{sounds})(?=,? \d(?!\d)|[.,!?]*$)"
        behind_one_digit = r"(?:(?<=[ -]\d[ -])|(?<=[ -]\d, ))"
        self.chain = rf"{self.unit}(?:(?:, |[ \-]){self.unit})*"
        self.loose_chain = (
            rf"(?:{soundalike} )?{self.unit}(?:(?:, |[ \-])(?:{behind_one_digit}{soundalike}|{self.unit}))*"
        )
        self._piece = re.compile(rf"{soundalike}|{self.unit}")
        self._sounds = re.compile(rf"\b(?:{sounds})\b")

    def digits(self, chain: str) -> str:
        """Return the digits of a chain."""
        return "".join(self._digits(piece) for piece in self._piece.findall(chain))

    def zero(self, word: str) -> bool:
        """Say whether a word that is no number word stands for 0."""
        return self._zeros.fullmatch(word) is not None

    def one_by_one(self, chain: str) -> bool:
        """Say whether all digits of a chain were said singly, or as "double four"."""
        pieces = self._piece.findall(chain)
        return all(len(piece.split()[-1]) == 1 or self.zero(piece.split()[-1]) for piece in pieces)

    def guessed(self, chain: str) -> bool:
        """Say whether a chain has words that only sound like digits."""
        return self._sounds.search(chain) is not None

    def _digits(self, piece: str) -> str:
        first, _, rest = piece.partition(" ")
        if rest:
            return self._digits(rest) * self._repeats[first]
        if self._zeros.fullmatch(piece):
            return "0"
        return self._soundalikes.get(piece, piece)
