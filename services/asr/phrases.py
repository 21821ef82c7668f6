"""Likely words that sound like what was recognised: pure.

An engine asks for the places where a phrase of the caller's configuration may have been said, and lets the audio
decide between the two.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIKENESS = 0.62
_MOST = 6

# Letters that are heard for one another share a class; vowels, h, w and y carry too little to be compared.
_CLASSES = (("PBFV", "P"), ("CKGQXJ", "K"), ("SZ", "S"), ("DT", "T"), ("MN", "N"), ("L", "L"), ("R", "R"))
_CLASS_OF = {letter: sound for letters, sound in _CLASSES for letter in letters}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words ``first`` up to ``last`` of a text may have been ``phrase``; ``likeness`` is 0 to 1."""

    first: int
    last: int
    phrase: str
    likeness: float


def candidates(words: Sequence[str], phrases: Sequence[str]) -> list[Candidate]:
    """Return the places where a phrase sounds like words that are no phrase themselves, most alike first."""
    plain = [_plain(word) for word in words]
    known = {phrase: _plain(phrase).split() for phrase in phrases if _plain(phrase)}
    settled = _settled(plain, [tuple(parts) for parts in known.values()])
    found: list[Candidate] = []
    for phrase, parts in known.items():
        best = max(_windows(plain, parts, phrase, settled), key=lambda c: c.likeness, default=None)
        if best is not None and best.likeness >= _LIKENESS:
            found.append(best)
    return sorted(found, key=lambda c: -c.likeness)[:_MOST]


def replace(words: Sequence[str], candidate: Candidate) -> list[str]:
    """Return the words with the phrase in its place, keeping the punctuation that followed."""
    trailing = re.search(r"[^\w]*$", words[candidate.last - 1])
    after = trailing.group() if trailing else ""
    return [*words[: candidate.first], *(candidate.phrase + after).split(), *words[candidate.last :]]


def _windows(plain: Sequence[str], parts: Sequence[str], phrase: str, settled: frozenset[int]) -> list[Candidate]:
    found = []
    for size in {max(len(parts) - 1, 1), len(parts), len(parts) + 1}:
        for first in range(len(plain) - size + 1):
            if settled.isdisjoint(range(first, first + size)):
                likeness = _likeness(" ".join(plain[first : first + size]), " ".join(parts))
                found.append(Candidate(first, first + size, phrase, likeness))
    return found


def _settled(plain: Sequence[str], known: Sequence[tuple[str, ...]]) -> frozenset[int]:
    """Return the places of words that are a phrase already."""
    return frozenset(
        place
        for parts in known
        for first in range(len(plain) - len(parts) + 1)
        if tuple(plain[first : first + len(parts)]) == parts
        for place in range(first, first + len(parts))
    )


def _likeness(one: str, other: str) -> float:
    """Return how alike two texts sound, 0 to 1: by their consonants, and by their letters."""
    sounds = difflib.SequenceMatcher(None, _sounds(one), _sounds(other), autojunk=False).ratio()
    letters = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    return 0.6 * sounds + 0.4 * letters


@functools.lru_cache(maxsize=4096)
def _sounds(text: str) -> str:
    upper = text.upper().replace("TH", "S").replace("PH", "F").replace("CE", "SE").replace("CI", "SI")
    return "".join(_CLASS_OF.get(letter, "") for letter in upper)


def _plain(text: str) -> str:
    return re.sub(r"[^\w' ]+", " ", text).strip().lower()
