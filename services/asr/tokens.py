"""From a model's tokens to words with confidences: pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPACE = "\N{LOWER ONE EIGHTH BLOCK}".encode()


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


def load_vocabulary(data: bytes) -> list[bytes]:
    """Return the pieces of a Moonshine `tokenizer.bin`: byte strings, each behind its length.

    A length under 128 takes one byte; else two, ``second * 128 + first - 128``. Raises ``ValueError`` when the
    data ends within a piece.
    """
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


def spell(tokens: Sequence[Token]) -> str:
    """Return the tokens as a sentence."""
    return _text(b"".join(token.piece for token in tokens))


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
    return min(spoken or [token.probability for token in group])


def _text(data: bytes) -> str:
    return data.replace(_SPACE, b" ").decode("utf-8", errors="replace").strip()
