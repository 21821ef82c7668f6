"""Circuit breaker: a business system that fails is left alone for a while, then asked once whether it is well again."""

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Circuit(enum.IntEnum):
    """Whether requests are let through."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """When it opens, and for how long."""

    failures: int = 8
    """So many failures in a row open it."""
    first_s: float = 2.0
    """How long it stays open; twice as long after each probe that failed."""
    limit_s: float = 60.0


class Breaker:
    """The circuit of one business system and tenant, in one process.

    Args:
        now: monotonic seconds.
        changed: told of each change.
    """

    def __init__(self, options: BreakerOptions, now: Callable[[], float], changed: Callable[[Circuit], None]) -> None:
        self._options = options
        self._now = now
        self._changed = changed
        self._circuit = Circuit.CLOSED
        self._failures = 0
        self._openings = 0
        self._until = 0.0
        self._paused_until = 0.0

    @property
    def circuit(self) -> Circuit:
        """The state now."""
        if self._circuit is Circuit.OPEN and self._now() >= self._until:
            self._change(Circuit.HALF_OPEN)
        return self._circuit

    def permits(self, in_flight: int) -> int | None:
        """Return how many requests may begin beside those in flight; None: any number."""
        if self._now() < self._paused_until or self.circuit is Circuit.OPEN:
            return 0
        return None if self.circuit is Circuit.CLOSED else max(0, 1 - in_flight)

    @property
    def waits_s(self) -> float:
        """How long nothing is to be asked, in seconds; 0: something may be."""
        until = max(self._paused_until, self._until if self.circuit is Circuit.OPEN else 0.0)
        return max(0.0, until - self._now())

    def pause(self, seconds: float) -> None:
        """Nothing is wrong, but nothing is to be asked for a while."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    def succeeded(self) -> None:
        """A request was answered."""
        self._failures = self._openings = 0
        self._change(Circuit.CLOSED)

    def failed(self) -> None:
        """A request failed, or was not answered in time."""
        self._failures += 1
        if self.circuit is Circuit.HALF_OPEN or self._failures == self._options.failures:
            self._openings += 1
            length = self._options.first_s * 2 ** min(self._openings - 1, 20)
            self._until = self._now() + min(self._options.limit_s, length)
            self._change(Circuit.OPEN)

    def _change(self, circuit: Circuit) -> None:
        if circuit is not self._circuit:
            self._circuit = circuit
            self._changed(circuit)
