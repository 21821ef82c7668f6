"""From a model's tokens to words with confidences: pure."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPACE = "\N{LOWER ONE EIGHTH BLOCK}".encode()
_FIRST_BYTE = 3
# The model is a little too sure of itself. Measured over 400 words, clean and noisy: of the words with a least
# probability near 0.4, 0.6, 0.8 and 0.94 there were right 22, 52, 66 and 80 in a hundred; the power comes close.
_CALIBRATION = 1.5


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text as the model wrote it, and the probability it gave to it."""

    piece: bytes
    probability: float


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A word as written and the probability that it is right."""

    text: str
    confidence: float


class Vocabulary:
    """A model's pieces of text by number, read from a Moonshine `tokenizer.bin`.

    The file is a row of byte strings, each behind its length: one byte under 128, else two, where the length is
    ``second * 128 + first - 128``. Numbers 3 to 258 are the single bytes, for what no piece covers.
    """

    def __init__(self, data: bytes) -> None:
        """Raises ``ValueError`` when the data ends within a piece."""
        self.pieces = _read_pieces(data)
        # Where a piece stands twice, as a byte and as a letter, the letter is the one that is used.
        self._ids = {piece: number for number, piece in enumerate(self.pieces)}

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's pieces, merged as in training: the lowest number first."""
        parts = [c.encode() for c in (" " + text).replace(" ", _SPACE.decode())]
        while (best := self._best_merge(parts)) is not None:
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return [number for part in parts for number in self._numbers(part)]

    def _best_merge(self, parts: Sequence[bytes]) -> int | None:
        merges = [
            (number, place)
            for place, (left, right) in enumerate(itertools.pairwise(parts))
            if (number := self._ids.get(left + right)) is not None
        ]
        return min(merges)[1] if merges else None

    def _numbers(self, part: bytes) -> list[int]:
        number = self._ids.get(part)
        return [number] if number is not None else [_FIRST_BYTE + byte for byte in part]


def _read_pieces(data: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = data[at] * 128 + length - 128
            at += 1
        pieces.append(data[at : at + length])
        at += length
    if at != len(data):
        raise ValueError("the vocabulary ends within a piece; the file is damaged, install its package again")
    return pieces


def split_words(tokens: Sequence[Token]) -> list[ScoredWord]:
    """Return the words between the spaces, each with its confidence."""
    groups: list[list[Token]] = []
    for token in tokens:
        if token.piece.startswith(_SPACE) or not groups:
            groups.append([])
        groups[-1].append(token)
    words = [ScoredWord(_text(b"".join(t.piece for t in group)), _confidence(group)) for group in groups]
    return [word for word in words if word.text]


def mean_confidence(words: Sequence[ScoredWord]) -> float | None:
    """Return the words' geometric mean confidence; None without words."""
    if not words:
        return None
    return math.exp(sum(math.log(max(word.confidence, 1e-9)) for word in words) / len(words))


def _confidence(group: Sequence[Token]) -> float:
    """Return the least probability among a word's tokens: a word is as wrong as its worst part.

    Punctuation is left out; whether a comma belongs there says nothing about the word.
    """
    spoken = [token.probability for token in group if any(chr(c).isalnum() for c in token.piece)]
    return float(min(spoken or [token.probability for token in group]) ** _CALIBRATION)


def _text(data: bytes) -> str:
    return data.replace(_SPACE, b" ").decode("utf-8", errors="replace").strip()
