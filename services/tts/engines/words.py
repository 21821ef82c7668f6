"""Word times from the marks that an engine sets in its audio."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.tts.model import SpeechChunk, WordTime

# Quieter than this (-46 dB of full scale) counts as silence; the voices speak near -12 dB.
_SILENCE = 0.005


def sounding(samples: NDArray[np.float32]) -> tuple[int, int]:
    """Return the first sample that sounds and the one behind the last; all of it when none does."""
    loud = np.flatnonzero(np.abs(samples) > _SILENCE)
    return (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, samples.size)


@dataclass(frozen=True, slots=True)
class Place:
    """A mark in the audio: at `sample` the word of that index begins or, without `begins`, those before it end."""

    sample: int
    word: int
    begins: bool = True


class WordTracker:
    """Cuts audio with marks into chunks that end where a word ends.

    A word lasts to the next mark, less the silence at its edges. Marks of the same word - "49 dollars and 90
    cents" for "$49.90" - make one. Words without a mark, for espeak-ng speaks "this one" as one, share the stretch
    of the word before them in proportion to their letters. The audio of a word is held until its end is known,
    so that its time comes with it.
    """

    def __init__(self, words: Sequence[str], sample_rate_hz: int) -> None:
        self._words = words
        self._rate = sample_rate_hz
        self._held = np.zeros(0, np.float32)
        self._held_from = 0
        self._word: int | None = None
        self._word_from = 0
        self._next = 0

    def feed(self, samples: NDArray[np.float32], places: Sequence[Place]) -> SpeechChunk | None:
        """Take the next samples, shape `(samples,)`, and the marks in them, counted in samples from the start.

        Returns:
            The audio up to the end of the last word that ended, with its words; None while no word ended.
        """
        self._held = np.concatenate((self._held, samples))
        words = []
        end = self._held_from
        for place in places:
            if place.begins and place.word < self._next:
                continue  # the same word goes on
            words += self._close(place.sample, place.word)
            end = max(end, place.sample)
            if place.begins:
                self._word, self._word_from, self._next = place.word, place.sample, place.word + 1
        return self._take(end, words)

    def finish(self) -> SpeechChunk | None:
        """Return what is held, with the last words; None when nothing is."""
        end = self._held_from + self._held.size
        return self._take(end, self._close(end, len(self._words)))

    def _close(self, sample: int, following: int) -> list[WordTime]:
        """End the open word, and those behind it up to `following`, at a sample."""
        if self._word is None or sample <= self._word_from:
            return []
        first, last = sounding(self._held[self._word_from - self._held_from : sample - self._held_from])
        words = self._words[self._word : max(following, self._word + 1)]
        self._word, self._next = None, max(following, self._next)
        bounds = np.cumsum([0, *(len(word) for word in words)]) / sum(map(len, words)) * (last - first)
        times = ((bounds + self._word_from + first) / self._rate).tolist()
        return [WordTime(word, *span) for word, span in zip(words, itertools.pairwise(times), strict=True)]

    def _take(self, end: int, words: list[WordTime]) -> SpeechChunk | None:
        count = end - self._held_from
        if count <= 0:
            return None
        chunk = SpeechChunk(self._held[:count], tuple(words))
        self._held = self._held[count:]
        self._held_from = end
        return chunk
