"""Time, so that a test may bring its own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where a session reads the time and waits; inject one of your own to test without waiting."""

    def now(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits that many seconds; gives other tasks a turn when it is zero or less."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits that many seconds on the event loop."""
        await asyncio.sleep(max(0.0, seconds))


class Pacer:
    """Lets stretches of audio pass at the speed at which they would be spoken.

    Each stretch is released when its last sample would have been spoken, as a microphone does it. Places are
    counted from the first stretch on, so rounding and late wake-ups do not add up to a drift. After a pause
    of more than `slack_s` the count begins anew instead of catching up.
    """

    def __init__(self, clock: Clock, *, slack_s: float = 0.5) -> None:
        self._clock = clock
        self._slack_s = slack_s
        self._spoken_until: float | None = None

    def begin(self) -> float:
        """When the next stretch begins, on the clock: right behind the one before, or now."""
        now = self._clock.now()
        if self._spoken_until is None or now - self._spoken_until > self._slack_s:
            self._spoken_until = now
        return self._spoken_until

    def restart(self) -> None:
        """Lets the next stretch begin when it comes: there was a gap before it."""
        self._spoken_until = None

    async def pass_by(self, duration_s: float) -> None:
        """Waits until a stretch of that many seconds has been spoken."""
        self._spoken_until = self.begin() + duration_s
        await self._clock.sleep(self._spoken_until - self._clock.now())
