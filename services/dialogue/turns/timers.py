"""The moments a session waits for, by name."""

import asyncio


class Timers:
    """Keeps one moment a name; the session's actor asks for the next. Moments are on the loop's clock.

    Args:
        elapsed_s: how long the session has lasted already.
    """

    def __init__(self, elapsed_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() - elapsed_s
        self._moments: dict[str, float] = {}

    def elapsed(self) -> float:
        """Return the seconds since the session began."""
        return self._loop.time() - self._began

    def set(self, name: str, moment: float) -> None:
        """Wait for a moment; an earlier one of the name is forgotten."""
        self._moments[name] = moment

    def clear(self, *names: str) -> None:
        """Wait no longer."""
        for name in names:
            self._moments.pop(name, None)

    def next(self) -> float | None:
        """Return the first moment; None when nothing is waited for."""
        return min(self._moments.values(), default=None)

    def take_due(self) -> str | None:
        """Return a name whose moment has come, the oldest first, and forget it; None when there is none."""
        due = [(moment, name) for name, moment in self._moments.items() if moment <= self._loop.time()]
        if not due:
            return None
        name = min(due)[1]
        del self._moments[name]
        return name
