"""Whether another stream would spoil those in progress."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ENOUGH = 5
_FIRST_COST_S = 0.1


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


class Budget:
    """Lets all streams together spend no more than ``share`` of the time on partial transcripts.

    After one that took ``c`` seconds the next begins ``c / share`` seconds behind its beginning at the earliest, for
    whichever stream is first: the more streams there are, the rarer partial transcripts become for each.
    """

    def __init__(self, share: float, now: Callable[[], float]) -> None:
        self._share = share
        self._now = now
        self._began = -math.inf
        # Until one has told what it took, it is believed to take as long as the one before.
        self._cost = _FIRST_COST_S

    def take(self) -> bool:
        """Return whether a partial transcript may begin now; then it has begun."""
        if self._now() < self._began + self._cost / self._share:
            return False
        self._began = self._now()
        return True

    def spent(self, seconds: float) -> None:
        """The partial transcript took so long to compute."""
        self._cost = seconds
