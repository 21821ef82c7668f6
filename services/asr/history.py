"""The audio of an utterance while it may still be needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from services.asr.model import Samples

_FIRST_CAPACITY = 1 << 16


class History:
    """A stretch of a stream's audio, addressed by sample number from the stream's beginning.

    It grows as long as nothing is forgotten; its user forgets what no utterance needs, and an utterance is cut at
    its longest, so what is held is bounded by that and by the largest frame.
    """

    def __init__(self) -> None:
        self._buffer: Samples = np.zeros(_FIRST_CAPACITY, np.float32)
        self._first = 0
        self._length = 0

    @property
    def end(self) -> int:
        """The number of the sample that comes next."""
        return self._first + self._length

    def append(self, samples: Samples) -> None:
        """Add samples at the end."""
        needed = self._length + len(samples)
        if needed > len(self._buffer):
            grown = np.zeros(max(needed, 2 * len(self._buffer)), np.float32)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : needed] = samples
        self._length = needed

    def between(self, start: int, end: int) -> Samples:
        """Return a copy of the samples from ``start`` up to ``end``, as far as they are held."""
        low = max(start - self._first, 0)
        return self._buffer[low : max(min(end - self._first, self._length), low)].copy()

    def forget_before(self, start: int) -> None:
        """Let go of what lies before ``start``."""
        drop = min(max(start - self._first, 0), self._length)
        if drop:
            self._buffer[: self._length - drop] = self._buffer[drop : self._length].copy()
            self._first += drop
            self._length -= drop
