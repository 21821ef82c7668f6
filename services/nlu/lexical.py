"""What a text looks like: its words, pairs of words and pieces of words, without a model of any language.

They stand beside the sentence encoder, which knows English: rare words, names of products and other languages are told
by their letters. Texts become sparse rows over the n-grams that training has seen, weighted by tf-idf.
"""

import itertools
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]
Keys = np.ndarray[Any, np.dtype[np.uint32]]

SHORTEST_PIECE = 3
LONGEST_PIECE = 5
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_REMEMBERED = 1 << 15
"""Words, and pairs of them, whose keys are kept: callers use the same few thousand. The longest unused is forgotten."""


def words(text: str) -> list[str]:
    """Return a text's words in lower case and without accents, for people and recognisers leave those out."""
    if text.isascii():
        return _WORDS.findall(text.lower())
    lowered = unicodedata.normalize("NFKD", text.replace("\u2019", "'").casefold())
    return _WORDS.findall("".join(c for c in lowered if not unicodedata.combining(c)))


def ngrams(text: str) -> list[str]:
    """Return a text's words, pairs of words (its ends are words too) and pieces of words of 3 to 5 letters."""
    found = words(text)
    pairs = [_pair(one, other) for one, other in itertools.pairwise(["<", *found, ">"])]
    return [*itertools.chain.from_iterable(map(_of_word, found)), *pairs]


def counted(text: str) -> Counter[int]:
    """Return how often each n-gram stands in a text, by its CRC-32: 32 bits hardly ever make two n-grams one."""
    found = words(text)
    pairs = itertools.starmap(_pair_key, itertools.pairwise(["<", *found, ">"]))
    return Counter(itertools.chain(pairs, *map(_word_keys, found)))


def _of_word(word: str) -> list[str]:
    """Return a word's own n-grams: itself, and its pieces."""
    edged = f"<{word}>"
    grams = [f"w{word}"]
    for size in range(SHORTEST_PIECE, min(LONGEST_PIECE, len(edged) - 1) + 1):
        grams += [f"c{edged[at : at + size]}" for at in range(len(edged) - size + 1)]
    return grams


def _pair(one: str, other: str) -> str:
    return f"p{one} {other}"


@lru_cache(maxsize=_REMEMBERED)
def _word_keys(word: str) -> tuple[int, ...]:
    return tuple(_key(gram) for gram in _of_word(word))


@lru_cache(maxsize=_REMEMBERED)
def _pair_key(one: str, other: str) -> int:
    return _key(_pair(one, other))


def _key(gram: str) -> int:
    return zlib.crc32(gram.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The n-grams that training has seen.

    Attributes:
        keys: their CRC-32, ascending, uint32 of shape (n-grams,).
        idf: how rare they are, float32 of shape (n-grams,): log((1 + texts) / (1 + texts with it)) + 1.
    """

    keys: Keys
    idf: Floats

    def row(self, text: str) -> tuple["np.ndarray[Any, np.dtype[np.intp]]", Floats]:
        """Return a text as (places, weights): the n-grams that are known, and their tf-idf, of length one together."""
        counts = counted(text)
        keys = np.fromiter(counts, np.uint32, len(counts))
        times = np.fromiter(counts.values(), np.float32, len(counts))
        places = np.searchsorted(self.keys, keys)
        places[places == len(self.keys)] = 0
        known = self.keys[places] == keys if len(self.keys) else np.zeros(len(keys), bool)
        places = places[known]
        weights = (1 + np.log(times[known])) * self.idf[places]
        length = float(np.linalg.norm(weights))
        return places, (weights / np.float32(length) if length else weights).astype(np.float32)


def learn(texts: Iterable[str], *, seen_in: int = 1) -> Vocabulary:
    """Return the vocabulary of texts: the n-grams that stand in at least `seen_in` of them."""
    among: dict[int, int] = {}
    total = 0
    for text in texts:
        total += 1
        for key in counted(text):
            among[key] = among.get(key, 0) + 1
    kept = sorted(key for key, count in among.items() if count >= seen_in)
    keys = np.array(kept, np.uint32)
    counts = np.array([among[key] for key in kept], np.float32)
    return Vocabulary(keys, (np.log((1 + total) / (1 + counts)) + 1).astype(np.float32))
