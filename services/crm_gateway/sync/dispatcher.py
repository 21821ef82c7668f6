"""Deliveries are made: many at once, one after the other for each contact, at the pace a business system bears."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from mesh import logs
from mesh.backoff import backoff_s
from services.crm_gateway import metrics
from services.crm_gateway.adapters.refusals import is_refusal
from services.crm_gateway.deliveries import CircuitChange, Delivery, GivenUp, Postponed, Result
from services.crm_gateway.model import BatchVendor, RemoteVendor
from services.crm_gateway.sync.attempts import Attempts, DispatchOptions

_log = logs.get_logger(__name__)
_AHEAD = 4
"""How many times what is made at once is claimed: transactions with many are cheap, attempts never wait for them."""
_GATHER_S = 0.05
"""How long results are gathered before they are written down together."""
_LOOK_S = 0.005
_FINISH_S = 1.0
"""How long attempts get to end once the process is told to."""
_WATCH_S = 15.0

Permits = Callable[[str], int | None]


class Queue(Protocol):
    """Where deliveries wait; `adapters/deliveries.py` says more."""

    async def claim(self, worker: str, size: int, lease: timedelta, permits: Permits) -> list[Delivery]:
        """Take deliveries that are due."""

    async def claim_batch(
        self, worker: str, size: int, lease: timedelta, permits: Permits, *, wait: timedelta
    ) -> list[Delivery]:
        """Take deliveries that can wait, once there are enough or one has waited long enough."""

    async def settle(self, worker: str, results: Sequence[Result], changes: Sequence[CircuitChange]) -> None:
        """Write down what became of them, and of circuits."""

    async def oldest(self) -> datetime | None:
        """Return when the oldest that waits was queued."""


class Dispatcher:
    """Makes the deliveries of one business system in one process; others may do the same beside it.

    What is claimed is bounded by `concurrency` and `batch_size`; everything else waits in the queue.
    """

    def __init__(self, vendor: RemoteVendor, queue: Queue, worker: str, options: DispatchOptions) -> None:
        self._vendor = vendor
        self._queue = queue
        self._worker = worker
        self._options = options
        self._lease = timedelta(seconds=options.lease_s)
        self._attempts = Attempts(vendor, worker, options)
        self._woken = asyncio.Event()
        self._most = _AHEAD * options.concurrency
        self._claimed: Counter[str] = Counter()
        # Which of them are of a batch: these take nobody else's place. At most `batch_size`.
        self._batched: set[int] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False
        self._running: Counter[str] = Counter()
        self._places = asyncio.Semaphore(options.concurrency)
        # As many results as deliveries are claimed: none waits for a place.
        self._results: asyncio.Queue[Result] = asyncio.Queue(self._most + options.batch_size)

    def wake(self) -> None:
        """There is more to do."""
        self._woken.set()

    async def run(self) -> None:
        """Make deliveries, for ever. Ends only by cancellation.

        What has begun then gets a moment to end; what has not is another's at once, and the rest when its lease ends.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle())
            tasks.create_task(self._make_batches())
            tasks.create_task(self._watch())
            try:
                await self._make(tasks)
            except asyncio.CancelledError:
                await self._finish()
                raise

    async def _make(self, tasks: asyncio.TaskGroup) -> None:
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
                await _wait_for_store(error, failures)
                continue
            for delivery in claimed:
                tasks.create_task(self._deliver(delivery, until))
            if len(claimed) <= wanted / 2:
                await self._wait()

    async def _finish(self) -> None:
        """Put back what has not begun, and wait a little for what has."""
        self._ending = True
        for _ in range(self._most + self._options.batch_size):
            # Nobody has to wait for a place any more.
            self._places.release()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self._idle.wait()

    async def _watch(self) -> None:
        """Note how long the oldest has waited."""
        while True:
            with contextlib.suppress(SQLAlchemyError, OSError):
                oldest = await self._queue.oldest()
                waited = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
                metrics.OLDEST_WAITING.labels(self._vendor.name).set(waited)
            await asyncio.sleep(_WATCH_S)

    def _wanted(self) -> int:
        """How many to claim. Many at a time: a transaction for each delivery would cost more than the deliveries."""
        claimed = self._claimed.total() - len(self._batched)
        return 0 if claimed > self._most / 2 else self._most - claimed

    async def _claim(self, size: int) -> list[Delivery]:
        claimed = await self._queue.claim(self._worker, size, self._lease, self._permits)
        self._note_claimed(claimed)
        return claimed

    def _note_claimed(self, claimed: Sequence[Delivery]) -> None:
        self._claimed.update(delivery.record.scope.tenant_id for delivery in claimed)
        if claimed:
            self._idle.clear()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._options.poll_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _permits(self, tenant_id: str) -> int | None:
        return self._attempts.permits(tenant_id, self._claimed[tenant_id])

    async def _make_batches(self) -> None:
        """Make what can wait: one batch at a time, beside everything else."""
        failures = 0
        wait = timedelta(seconds=self._options.batch_wait_s)
        while not self._ending:
            until = time.monotonic() + self._options.lease_s
            try:
                size = self._options.batch_size
                claimed = await self._queue.claim_batch(self._worker, size, self._lease, self._permits, wait=wait)
                failures = 0
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                await _wait_for_store(error, failures)
                continue
            self._note_claimed(claimed)
            self._batched.update(delivery.sequence for delivery in claimed)
            by_tenant: dict[str, list[Delivery]] = {}
            for delivery in claimed:
                by_tenant.setdefault(delivery.record.scope.tenant_id, []).append(delivery)
            for batch in by_tenant.values():
                await self._deliver_batch(batch, until)
            if not claimed:
                await asyncio.sleep(min(1.0, self._options.batch_wait_s))

    async def _deliver_batch(self, batch: Sequence[Delivery], until: float) -> None:
        """Make a tenant's batch with one request; what may be there already, or is a correction, by itself."""
        vendor = self._vendor
        if not isinstance(vendor, BatchVendor):
            for delivery in batch:
                await self._deliver(delivery, until)
            return
        together = [delivery for delivery in batch if not delivery.begun_before and not delivery.record.corrects]
        for delivery in batch:
            if delivery not in together:
                await self._deliver(delivery, until)
        if not together:
            return
        tenant_id = together[0].record.scope.tenant_id
        async with self._places:
            results: list[Result]
            put_back = self._put_back(together[0], until)
            if put_back is not None:
                results = [replace(put_back, delivery=delivery) for delivery in together]
            else:
                self._running[tenant_id] += 1
                try:
                    results = await self._attempts.make_many(together, vendor)
                finally:
                    self._running[tenant_id] -= 1
        for result in results:
            await self._results.put(result)

    async def _deliver(self, delivery: Delivery, until: float) -> None:
        """Make a delivery whose lease ends at `until` (monotonic seconds), unless there is a reason not to."""
        tenant_id = delivery.record.scope.tenant_id
        async with self._places:
            result: Result | None = self._put_back(delivery, until)
            if result is None:
                self._running[tenant_id] += 1
                try:
                    result = await self._attempts.make(delivery)
                finally:
                    self._running[tenant_id] -= 1
        await self._results.put(result)

    def _put_back(self, delivery: Delivery, until: float) -> Postponed | None:
        if self._ending:
            return Postponed(delivery, "this process ends", datetime.now(UTC), made=False)
        return self._attempts.put_back(delivery, until, self._running[delivery.record.scope.tenant_id])

    async def _settle(self) -> None:
        """Write results down, as many at once as there are; what cannot be written down is tried until it can."""
        while True:
            results = await self._gather()
            await self._write_down(results, self._attempts.changes())
            for result in results:
                self._claimed[result.delivery.record.scope.tenant_id] -= 1
                self._batched.discard(result.delivery.sequence)
            if not self._claimed.total():
                self._idle.set()
            self.wake()

    async def _write_down(self, results: Sequence[Result], changes: Sequence[CircuitChange]) -> None:
        """Write results down together; where the store refuses, each by itself: one holds up no other."""
        if await self._settled(results, changes):
            return
        await self._settled([], changes)
        for result in results:
            if await self._settled([result], []):
                continue
            # A person is to look at it. Where not even that can be written down, it is tried again after its lease.
            await self._settled([GivenUp(result.delivery, "what became of it cannot be written down")], [])

    async def _settled(self, results: Sequence[Result], changes: Sequence[CircuitChange]) -> bool:
        """Write down, as often as it takes; False: the store refuses it, and would again."""
        failures = 0
        while True:
            try:
                await self._queue.settle(self._worker, results, changes)
            except (SQLAlchemyError, OSError, ValueError) as error:
                if is_refusal(error):
                    which = [result.delivery.record.event_id for result in results]
                    _log.error("crm_sync.not_settled", error=type(error).__name__, event_ids=which)
                    return False
                failures += 1
                await _wait_for_store(error, failures)
            else:
                return True

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


async def _wait_for_store(error: Exception, failures: int) -> None:
    _log.warning("crm_sync.store_away", error=repr(error))
    await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=5.0))
