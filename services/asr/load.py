"""Whether another stream would spoil those in progress."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ENOUGH = 5


class Load:
    """Watches how long final transcripts wait for a thread: the first thing that callers notice.

    Full is said once the mean wait of the last ``window_s`` seconds is above ``limit_s``, and taken back below half
    of it, so that streams are not let in by twos and threes while the wait is still long. Fewer than 5 waits say
    nothing. At most 1,000 are kept.
    """

    def __init__(self, limit_s: float, now: Callable[[], float], *, window_s: float = 5.0) -> None:
        self._limit_s = limit_s
        self._now = now
        self._window_s = window_s
        self._waits: deque[tuple[float, float]] = deque(maxlen=1000)
        self._full = False

    def waited(self, seconds: float) -> None:
        """A final transcript waited so long for a thread."""
        self._waits.append((self._now(), seconds))

    @property
    def full(self) -> bool:
        """Whether no more streams should be taken."""
        oldest = self._now() - self._window_s
        while self._waits and self._waits[0][0] < oldest:
            self._waits.popleft()
        if len(self._waits) < _ENOUGH:
            self._full = False
            return False
        mean = sum(seconds for _, seconds in self._waits) / len(self._waits)
        self._full = mean > (self._limit_s / 2 if self._full else self._limit_s)
        return self._full
