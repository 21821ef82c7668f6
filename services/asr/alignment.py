"""Estimates where words lie in an utterance from the loudness of the audio: pure.

Words get room in proportion to their expected spoken length over the voiced stretches, and each boundary then
moves to the quietest place nearby. No acoustic model takes part.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from services.asr.model import SAMPLE_RATE_HZ, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from services.asr.model import Samples
    from services.asr.tokens import ScoredWord

_FRAME = SAMPLE_RATE_HZ // 100
# How far a boundary may move to find a quiet place, in frames of 10 ms.
_REACH = 8
# Frames this far under the loud ones hold no voice.
_SILENCE_DB = 30.0


def align(words: Sequence[ScoredWord], samples: Samples) -> list[Word]:
    """Return the words with times in seconds from the first sample, in order, never overlapping."""
    if not words:
        return []
    level = loudness(samples)
    bounds = _refine(_spread([expected_length(word.text) for word in words], level), level)
    return [
        Word(word.text, start * 0.01, end * 0.01, word.confidence)
        for word, (start, end) in zip(words, bounds, strict=True)
    ]


def loudness(samples: Samples) -> NDArray[np.float32]:
    """Return the level of each 10 ms in dB of full scale, shape ``(frames,)``; at least one frame."""
    count = max(len(samples) // _FRAME, 1)
    frames = np.resize(samples, count * _FRAME) if len(samples) < _FRAME else samples[: count * _FRAME]
    power = np.square(frames.reshape(count, _FRAME)).mean(axis=1) + 1e-10
    level: NDArray[np.float32] = (10 * np.log10(power)).astype(np.float32)
    return level


def expected_length(word: str) -> float:
    """Return a word's spoken length in units of roughly a sound: its letters and a constant; digits count more."""
    return 1.5 + sum(3.0 if c.isdigit() else 1.0 for c in word if c.isalnum())


def _spread(lengths: Sequence[float], level: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Give each word its share of the voiced frames; silences between them take no share."""
    voiced = np.flatnonzero(level > np.percentile(level, 90) - _SILENCE_DB)
    edges = np.concatenate(([0.0], np.cumsum(lengths))) / sum(lengths) * len(voiced)
    starts = [voiced[min(int(edge), len(voiced) - 1)] for edge in edges[:-1]]
    ends = [voiced[min(max(int(np.ceil(edge)) - 1, 0), len(voiced) - 1)] + 1 for edge in edges[1:]]
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _refine(bounds: list[tuple[int, int]], level: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Move the place where one word follows another to the quietest frame within reach of both."""
    refined = [list(bound) for bound in bounds]
    for left, right in itertools.pairwise(refined):
        if right[0] > left[1]:
            continue
        low = max((left[0] + left[1]) // 2, left[1] - _REACH)
        high = min((right[0] + right[1] + 1) // 2, right[0] + _REACH)
        if high > low:
            left[1] = right[0] = low + int(level[low:high].argmin())
        right[0] = max(right[0], left[1])
    return [(start, max(end, start)) for start, end in refined]
