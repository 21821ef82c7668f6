"""Likely words that sound like what was recognised: pure.

An engine asks for the places where a phrase of the caller's configuration may have been said, and lets the audio
decide between the two.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_LIKENESS = 0.62
_MOST = 6
_BY_SOUND = 0.6

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


def candidates(words: Sequence[str], phrases: Sequence[str], *, tried: Container[str] = frozenset()) -> list[Candidate]:
    """Return the places where a phrase sounds like words that are no phrase themselves, most alike first.

    Phrases in ``tried`` are not looked for, but their words still stand.
    """
    plain = [_plain(word) for word in words]
    known = {phrase: _plain(phrase).split() for phrase in phrases if _plain(phrase)}
    settled = _settled(plain, [tuple(parts) for parts in known.values()])
    found: list[Candidate] = []
    for phrase, parts in known.items():
        if phrase in tried:
            continue
        best = max(_windows(plain, parts, phrase, settled), key=lambda c: c.likeness, default=None)
        if best is not None and best.likeness >= _LIKENESS:
            found.append(best)
    return sorted(found, key=lambda c: -c.likeness)[:_MOST]


def replace(words: Sequence[str], candidate: Candidate) -> list[str]:
    """Return the words with the phrase in its place, punctuated as what was there; a sentence begins large."""
    trailing = re.search(r"[^\w]*$", words[candidate.last - 1])
    begins = candidate.first == 0 or words[candidate.first - 1].endswith((".", "?", "!"))
    phrase = candidate.phrase[0].upper() + candidate.phrase[1:] if begins else candidate.phrase
    put = phrase + (trailing.group() if trailing else "")
    return [*words[: candidate.first], *put.split(), *words[candidate.last :]]


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
    sounds = _ratio(_sounds(one), _sounds(other))
    # Letters cannot make up for it any more; most pairs end here.
    if _BY_SOUND * sounds + 1.0 - _BY_SOUND < _LIKENESS:
        return 0.0
    return _BY_SOUND * sounds + (1.0 - _BY_SOUND) * _ratio(one, other)


def _ratio(one: str, other: str) -> float:
    """Return twice the length of the longest common subsequence over both lengths: 1 when equal, 0 when disjoint.

    The subsequence is counted by the bits of one number, after Hyyro, "Bit-parallel LCS-length computation
    revisited" (2004).
    """
    if not one or not other:
        return 0.0
    places: dict[str, int] = {}
    for place, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << place
    everywhere = open_places = (1 << len(one)) - 1
    for letter in other:
        matched = open_places & places.get(letter, 0)
        open_places = ((open_places + matched) | (open_places - matched)) & everywhere
    return 2.0 * (len(one) - open_places.bit_count()) / (len(one) + len(other))


@functools.lru_cache(maxsize=4096)
def _sounds(text: str) -> str:
    upper = text.upper().replace("TH", "S").replace("PH", "F").replace("CE", "SE").replace("CI", "SI")
    return "".join(_CLASS_OF.get(letter, "") for letter in upper)


def _plain(text: str) -> str:
    return re.sub(r"[^\w' ]+", " ", text).strip().lower()
