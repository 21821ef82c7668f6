"""Word times from the marks that an engine sets in its audio."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.tts.model import SpeechChunk, WordTime

# Quieter than this (-46 dB of full scale) counts as silence; the voices speak near -12 dB.
_SILENCE = 0.005


def sounding(samples: NDArray[np.float32]) -> tuple[int, int]:
    """Return the first sample that sounds and the one behind the last; all of it when none does."""
    loud = np.flatnonzero(np.abs(samples) > _SILENCE)
    return (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, samples.size)


class WordTracker:
    """Cuts audio with marks into chunks that end where a word ends.

    A mark says which word begins at a sample (its index), or None for the end of a clause. A word lasts to the
    next mark, less the silence at its edges. Marks of the same word - "49 dollars and 90 cents" for "$49.90" -
    make one. The audio of a word is held until its end is known, so that its time comes with it.
    """

    def __init__(self, words: Sequence[str], sample_rate_hz: int) -> None:
        self._words = words
        self._rate = sample_rate_hz
        self._held = np.zeros(0, np.float32)
        self._held_from = 0
        self._word: int | None = None
        self._word_from = 0
        self._clock = 0.0

    def feed(self, samples: NDArray[np.float32], marks: Sequence[tuple[int, int | None]]) -> SpeechChunk | None:
        """Take the next samples, shape `(samples,)`, and the marks in them, counted in samples from the start.

        Returns:
            The audio up to the end of the last word that ended, with its words; None while no word ended.
        """
        self._held = np.concatenate((self._held, samples))
        words = []
        end = self._held_from
        for sample, word in marks:
            if word is not None and word == self._word:
                continue
            words += self._close(sample)
            end = max(end, sample)
            self._word, self._word_from = word, sample
        return self._take(end, words)

    def finish(self) -> SpeechChunk | None:
        """Return what is held, with the last word; None when nothing is."""
        end = self._held_from + self._held.size
        return self._take(end, self._close(end))

    def _close(self, sample: int) -> list[WordTime]:
        if self._word is None or sample <= self._word_from:
            return []
        first, last = sounding(self._held[self._word_from - self._held_from : sample - self._held_from])
        # Never before the word in front, whatever an engine's marks say.
        start_s = max((self._word_from + first) / self._rate, self._clock)
        end_s = max((self._word_from + last) / self._rate, start_s)
        word, self._word = self._words[self._word], None
        self._clock = end_s
        return [WordTime(word, start_s, end_s)]

    def _take(self, end: int, words: list[WordTime]) -> SpeechChunk | None:
        count = end - self._held_from
        if count <= 0:
            return None
        chunk = SpeechChunk(self._held[:count], tuple(words))
        self._held = self._held[count:]
        self._held_from = end
        return chunk
