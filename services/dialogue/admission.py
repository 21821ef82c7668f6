"""How many sessions a process holds at once: one more is refused rather than spoil those in progress."""

import contextlib

from mesh.errors import ErrorReason, MeshError
from services.dialogue import metrics

_BUSY_SHARE = 0.4
"""From so many of the places taken on, what costs the processor without being heard is done less often."""


class Places:
    """The places for sessions of one process.

    Args:
        limit: sessions at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    @property
    def busy(self) -> bool:
        """Whether there are so many sessions that each should cost less."""
        return self._taken > _BUSY_SHARE * self._limit

    def take(self) -> contextlib.ExitStack:
        """Take a place, given back when the context is left.

        Raises:
            MeshError: OVERLOADED.
        """
        if self._taken >= self._limit:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                "all lines are busy; try again in a few seconds",
                retry_after_s=5.0,
                metadata={"limit": str(self._limit), "in_progress": str(self._taken)},
            )
        self._count(1)
        place = contextlib.ExitStack()
        place.callback(self._count, -1)
        return place

    def _count(self, change: int) -> None:
        self._taken += change
        metrics.SESSIONS.set(self._taken)
