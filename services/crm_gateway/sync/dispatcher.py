"""Deliveries are made: many at once, one after the other for each contact, at the pace a business system bears."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from services.crm_gateway import metrics
from services.crm_gateway.deliveries import Delivery, GivenUp, Postponed, Result, Written
from services.crm_gateway.model import BusyError, CorrectableVendor, RejectedError, RemoteVendor
from services.crm_gateway.sync.breaker import Breaker, BreakerOptions, Circuit

_log = logs.get_logger(__name__)
_AHEAD = 4
"""How many times what is made at once is claimed: transactions with many are cheap, attempts never wait for them."""
_GATHER_S = 0.05
"""How long results are gathered before they are written down together."""
_LOOK_S = 0.005
_PROBE_S = 0.2
"""How long others wait while one of them finds out whether a business system is well again."""
_tracer = telemetry.tracer("services.crm_gateway.sync")


class Queue(Protocol):
    """Where deliveries wait; `adapters/deliveries.py` says more."""

    async def claim(
        self, worker: str, size: int, lease: timedelta, permits: Callable[[str], int | None]
    ) -> list[Delivery]:
        """Take deliveries that are due."""

    async def settle(self, worker: str, results: Sequence[Result]) -> None:
        """Write down what became of them."""


@dataclass(frozen=True, slots=True)
class DispatchOptions:
    """How deliveries are made."""

    concurrency: int = 32
    """Attempts at once in this process. Four times as many are claimed at once: those that wait are its own already."""
    attempt_s: float = 15.0
    """An attempt that takes longer has failed."""
    lease_s: float = 60.0
    """After so long without an answer of this process another one takes a delivery over."""
    max_attempts: int = 10
    """After so many failed attempts a delivery is a dead letter."""
    retry_first_s: float = 0.5
    retry_limit_s: float = 300.0
    poll_s: float = 0.25
    """How often the queue is looked at when nothing wakes this process."""
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


class Dispatcher:
    """Makes the deliveries of one business system in one process; others may do the same beside it.

    What is claimed is bounded by `concurrency`; everything else waits in the queue.
    """

    def __init__(self, vendor: RemoteVendor, queue: Queue, worker: str, options: DispatchOptions) -> None:
        self._vendor = vendor
        self._queue = queue
        self._worker = worker
        self._options = options
        self._woken = asyncio.Event()
        self._breakers: dict[str, Breaker] = {}
        self._most = _AHEAD * options.concurrency
        self._claimed: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._places = asyncio.Semaphore(options.concurrency)
        # As many results as deliveries are claimed: none waits for a place.
        self._results: asyncio.Queue[Result] = asyncio.Queue(self._most)

    def wake(self) -> None:
        """There is more to do."""
        self._woken.set()

    async def run(self) -> None:
        """Make deliveries, for ever. Ends only by cancellation; what was in flight is then another's to finish."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle())
            failures = 0
            while True:
                self._woken.clear()
                until = time.monotonic() + self._options.lease_s
                wanted = self._wanted()
                try:
                    claimed = await self._claim(wanted) if wanted else []
                    failures = 0
                except (SQLAlchemyError, OSError) as error:
                    failures += 1
                    _log.warning("crm_sync.store_away", error=repr(error))
                    await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=5.0))
                    continue
                for delivery in claimed:
                    self._claimed[delivery.record.scope.tenant_id] += 1
                    tasks.create_task(self._deliver(delivery, until))
                if len(claimed) <= wanted / 2:
                    await self._wait()

    def _wanted(self) -> int:
        """How many to claim. Many at a time: a transaction for each delivery would cost more than the deliveries."""
        claimed = self._claimed.total()
        return 0 if claimed > self._most / 2 else self._most - claimed

    async def _claim(self, size: int) -> list[Delivery]:
        lease = timedelta(seconds=self._options.lease_s)
        return await self._queue.claim(self._worker, size, lease, self._permits)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._options.poll_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _permits(self, tenant_id: str) -> int | None:
        return self._breaker(tenant_id).permits(self._claimed[tenant_id])

    def _breaker(self, tenant_id: str) -> Breaker:
        if tenant_id not in self._breakers:

            def changed(circuit: Circuit) -> None:
                metrics.CIRCUIT.labels(self._vendor.name, tenant_id).set(circuit)
                log = _log.error if circuit is Circuit.OPEN else _log.info
                log("crm_sync.circuit", vendor=self._vendor.name, tenant_id=tenant_id, circuit=circuit.name.lower())

            self._breakers[tenant_id] = Breaker(self._options.breaker, time.monotonic, changed)
        return self._breakers[tenant_id]

    async def _deliver(self, delivery: Delivery, until: float) -> None:
        """Make a delivery whose lease ends at `until` (monotonic seconds), unless there is a reason not to."""
        tenant_id = delivery.record.scope.tenant_id
        async with self._places:
            result: Result | None = self._put_back(delivery, until)
            if result is None:
                self._running[tenant_id] += 1
                try:
                    result = await self._observed(delivery)
                finally:
                    self._running[tenant_id] -= 1
        await self._results.put(result)

    def _put_back(self, delivery: Delivery, until: float) -> Postponed | None:
        """Put off what was claimed and must not be made now: another's before it may have changed that."""
        tenant_id = delivery.record.scope.tenant_id
        breaker = self._breaker(tenant_id)
        if breaker.permits(self._running[tenant_id]) == 0:
            return Postponed(delivery, "it is left alone for a while", _in(breaker.waits_s or _PROBE_S), made=False)
        if time.monotonic() + self._options.attempt_s > until:
            # Another process could take it over in the middle of the attempt, and both would write it.
            return Postponed(delivery, "its turn came too late", datetime.now(UTC), made=False)
        return None

    async def _observed(self, delivery: Delivery) -> Result:
        record = delivery.record
        attributes: dict[str, str | int] = {
            "voicemesh.vendor": self._vendor.name,
            "voicemesh.event_id": record.event_id,
            "voicemesh.attempt": delivery.attempt,
        }
        began = time.monotonic()
        parent = telemetry.extract(delivery.trace)
        with _tracer.start_as_current_span(f"write {record.kind}", context=parent, attributes=attributes) as span:
            result = await self._attempt(delivery)
            span.set_attribute("voicemesh.result", type(result).__name__.lower())
        name = type(result).__name__.lower()
        metrics.ATTEMPT_SECONDS.labels(self._vendor.name, name).observe(time.monotonic() - began)
        metrics.RECORDS.labels(self._vendor.name, record.kind, name).inc()
        if isinstance(result, GivenUp):
            _log.error(
                "crm_sync.given_up", vendor=self._vendor.name, event_id=record.event_id, attempts=delivery.attempt
            )
        return result

    async def _attempt(self, delivery: Delivery) -> Result:
        breaker = self._breaker(delivery.record.scope.tenant_id)
        try:
            async with asyncio.timeout(self._options.attempt_s):
                record_id = await self._write(delivery)
        except RejectedError as error:
            # An answer: the business system is well.
            breaker.succeeded()
            return GivenUp(delivery, f"{self._vendor.name} refuses the record: {error}")
        except BusyError as error:
            breaker.pause(error.retry_after_s)
            return Postponed(delivery, str(error), _in(error.retry_after_s), counts=False)
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises is a failed attempt
            breaker.failed()
            _log.warning("crm_sync.attempt_failed", attempt=delivery.attempt, error=repr(error))
            reason = f"{type(error).__name__}: {error}"
            if delivery.attempt >= self._options.max_attempts:
                return GivenUp(delivery, reason)
            options = self._options
            delay = backoff_s(delivery.attempt, first_s=options.retry_first_s, limit_s=options.retry_limit_s)
            return Postponed(delivery, reason, _in(delay))
        breaker.succeeded()
        return Written(delivery, record_id, telemetry.inject())

    async def _write(self, delivery: Delivery) -> str:
        """Write once: what an earlier attempt may have written is looked for first."""
        if delivery.record.corrects:
            # To say the same twice changes nothing.
            return await self._correct(delivery)
        if delivery.begun_before:
            found = await self._vendor.find(delivery.record)
            if found is not None:
                return found
        return await self._vendor.write(delivery.record, delivery.contact)

    async def _correct(self, delivery: Delivery) -> str:
        if not isinstance(self._vendor, CorrectableVendor):
            raise RejectedError(f"what was written there cannot be changed: {delivery.record.corrects}")
        return await self._vendor.correct(delivery.record, delivery.contact)

    async def _settle(self) -> None:
        """Write results down, as many at once as there are; what cannot be written down is tried until it can."""
        while True:
            results = await self._gather()
            failures = 0
            while True:
                try:
                    await self._queue.settle(self._worker, results)
                    break
                except (SQLAlchemyError, OSError) as error:
                    failures += 1
                    _log.warning("crm_sync.not_settled", results=len(results), error=repr(error))
                    await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=5.0))
            for result in results:
                self._claimed[result.delivery.record.scope.tenant_id] -= 1
            self.wake()

    async def _gather(self) -> list[Result]:
        """Wait for results: for the first, then a little for others, unless nothing else is claimed."""
        results = [await self._results.get()]
        end = time.monotonic() + _GATHER_S
        while True:
            while not self._results.empty():
                results.append(self._results.get_nowait())
            if len(results) >= min(self._most / 2, self._claimed.total()) or time.monotonic() >= end:
                return results
            await asyncio.sleep(_LOOK_S)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
