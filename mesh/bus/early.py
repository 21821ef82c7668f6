"""Publishing events of the early profile: beside what matters, never waited for, and worth nothing when late."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import Message
from nats.errors import Error as NatsError
from opentelemetry import context as otel
from prometheus_client import Counter

from mesh import logs
from mesh.backoff import backoff_s
from mesh.bus.connection import Bus, BusUnavailableError, connect
from mesh.bus.envelope import EventError

WAITING = 1024
LATE_S = 10.0

_log = logs.get_logger(__name__)
_published = Counter("voicemesh_early_events_published", "Early events published.")
_dropped = Counter("voicemesh_early_events_dropped", "Early events that were not published.", ["reason"])


Make = Callable[[], Message]


class _Told(NamedTuple):
    make: Make
    at: float
    trace: otel.Context


class EarlyPublisher:
    """Publishes early events from a queue of its own.

    At most ``WAITING`` events wait; one more drops the oldest. One that has waited for ``LATE_S`` seconds is dropped:
    what it warns of has happened by then. Both are counted in ``voicemesh_early_events_dropped``; so is what the bus
    did not take (it is not tried again) and what is no event. What waits when the process ends is lost.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Told] = deque()
        self._more = asyncio.Event()

    def tell(self, make: Make) -> None:
        """Have an event made and published. Returns at once, whatever the bus does, and before the event is made."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            _dropped.labels("full").inc()
        self._waiting.append(_Told(make, time.monotonic(), otel.get_current()))
        self._more.set()

    async def run(self, nats_url: str, source: str) -> None:
        """Publish for ever; a bus that is not there is tried again. Ends only by cancellation.

        Raises `ConfigError` for an empty URL.
        """
        failures = 0
        while True:
            try:
                async with connect(nats_url, source=source) as bus:
                    failures = 0
                    while True:
                        await self._publish(bus, await self._next())
            except BusUnavailableError as error:
                failures += 1
                _log.warning("early.no_bus", error=str(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.2, limit_s=5.0))

    async def _next(self) -> _Told:
        while not self._waiting:
            self._more.clear()
            await self._more.wait()
        return self._waiting.popleft()

    async def _publish(self, bus: Bus, told: _Told) -> None:
        if time.monotonic() - told.at > LATE_S:
            _dropped.labels("late").inc()
            return
        event = _made(told.make)
        if event is None:
            return
        try:
            await bus.publish(event, parent=told.trace)
        except EventError as error:
            _dropped.labels("refused").inc()
            _log.error("early.refused", type=event.DESCRIPTOR.full_name, error=str(error))
        except BusUnavailableError as error:
            _dropped.labels("bus").inc()
            _log.warning("early.not_published", error=str(error))
            await self._make_stream(bus)
        else:
            _published.inc()

    async def _make_stream(self, bus: Bus) -> None:
        """A server that started anew has forgotten the streams it kept in memory."""
        try:
            await bus.set_up_streams()
        except (NatsError, TimeoutError, OSError) as error:
            raise BusUnavailableError(f"the stream of early events could not be made: {error!r}") from error


def _made(make: Make) -> Message | None:
    try:
        return make()
    except Exception:  # noqa: BLE001 - one event that cannot be made must cost neither the others nor the process
        _dropped.labels("refused").inc()
        _log.exception("early.not_made")
        return None
