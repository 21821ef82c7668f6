"""Attempts to write records: each ends as written, put off or given up, and tells the circuit how it went."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from services.crm_gateway import metrics
from services.crm_gateway.deliveries import CircuitChange, Delivery, GivenUp, Postponed, Result, Written
from services.crm_gateway.model import BatchVendor, BusyError, CorrectableVendor, RejectedError, RemoteVendor, Scope
from services.crm_gateway.storable import storable
from services.crm_gateway.sync.breaker import Breaker, BreakerOptions, Circuit

_log = logs.get_logger(__name__)
_PROBE_S = 0.2
"""How long others wait while one of them finds out whether a business system is well again."""
_tracer = telemetry.tracer("services.crm_gateway.sync")


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
    after_timeout_s: float = 10.0
    """After an answer that did not come in time nothing is asked for so long: the request may still be at work there,
    and what it has not written yet a search would not find."""
    poll_s: float = 0.25
    """How often the queue is looked at when nothing wakes this process."""
    batch_size: int = 100
    """So many that can wait are written at once."""
    batch_wait_s: float = 30.0
    """What can wait is written after so long, with however many there are."""
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


class Attempts:
    """Writes to one business system on behalf of one process."""

    def __init__(self, vendor: RemoteVendor, worker: str, options: DispatchOptions) -> None:
        self._vendor = vendor
        self._worker = worker
        self._options = options
        self._breakers: dict[str, Breaker] = {}
        self._opened: dict[str, datetime] = {}
        # Bounded by the flips of circuits between two settlements, which drain it.
        self._changes: list[CircuitChange] = []

    def permits(self, tenant_id: str, in_flight: int) -> int | None:
        """Return how many may begin beside those in flight; None: any number."""
        return self._breaker(tenant_id).permits(in_flight)

    def changes(self) -> list[CircuitChange]:
        """Hand over what became of circuits since the last time."""
        changes, self._changes = self._changes, []
        return changes

    def put_back(self, delivery: Delivery, until: float, running: int) -> Postponed | None:
        """Put off what was claimed and must not be made now; None: it may be made.

        Args:
            until: when its lease ends, in monotonic seconds.
            running: attempts of its tenant that have begun.
        """
        breaker = self._breaker(delivery.record.scope.tenant_id)
        if breaker.permits(running) == 0:
            return Postponed(delivery, "it is left alone for a while", _in(breaker.waits_s or _PROBE_S), made=False)
        if time.monotonic() + self._options.attempt_s > until:
            # Another process could take it over in the middle of the attempt, and both would write it.
            return Postponed(delivery, "its turn came too late", datetime.now(UTC), made=False)
        return None

    async def make(self, delivery: Delivery) -> Result:
        """Make one delivery."""
        began = time.monotonic()
        attributes: dict[str, str | int] = {
            "voicemesh.vendor": self._vendor.name,
            "voicemesh.event_id": delivery.record.event_id,
            "voicemesh.attempt": delivery.attempt,
        }
        parent = telemetry.extract(delivery.trace)
        name = f"write {delivery.record.kind}"
        result: Result
        with _tracer.start_as_current_span(name, context=parent, attributes=attributes) as span:
            try:
                async with asyncio.timeout(self._options.attempt_s):
                    result = self._written(delivery, await self._write(delivery))
            except Exception as error:  # noqa: BLE001  # whatever an adapter raises is a failed attempt
                result = self._failed(delivery, error)
            span.set_attribute("voicemesh.result", _name(result))
        self._note(result, time.monotonic() - began)
        return result

    async def make_many(self, deliveries: Sequence[Delivery], vendor: BatchVendor) -> list[Result]:
        """Make deliveries of one tenant with one request; none of them may have been tried before."""
        began = time.monotonic()
        attributes: dict[str, str | int] = {"voicemesh.vendor": self._vendor.name, "voicemesh.records": len(deliveries)}
        outcomes: Sequence[str | Exception]
        with _tracer.start_as_current_span("write many", attributes=attributes):
            try:
                async with asyncio.timeout(self._options.attempt_s):
                    outcomes = await vendor.write_many([(one.record, one.contact) for one in deliveries])
                if len(outcomes) != len(deliveries):
                    # Which is whose cannot be told.
                    raise ValueError(f"it answers {len(outcomes)} of {len(deliveries)} records")  # noqa: TRY301
            except RejectedError as error:
                self._succeeded(deliveries[0].record.scope)
                # It may be for one of them: the next time each is written by itself.
                outcomes = [ValueError(f"refused together with others: {error}")] * len(deliveries)
            except Exception as error:  # noqa: BLE001  # whatever an adapter raises is a failed attempt of all
                # One request failed, not as many as it had records.
                self._count_failure(deliveries[0], error)
                outcomes = [error] * len(deliveries)
            results = [
                self._written(one, outcome) if isinstance(outcome, str) else self._put_off(one, outcome)
                for one, outcome in zip(deliveries, outcomes, strict=True)
            ]
        for result in results:
            self._note(result, (time.monotonic() - began) / len(results))
        return results

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

    def _written(self, delivery: Delivery, record_id: str) -> Written:
        self._succeeded(delivery.record.scope)
        return Written(delivery, record_id, telemetry.inject())

    def _failed(self, delivery: Delivery, error: Exception) -> Result:
        self._count_failure(delivery, error)
        return self._put_off(delivery, error)

    def _count_failure(self, delivery: Delivery, error: Exception) -> None:
        """Tell the circuit what an error means."""
        scope = delivery.record.scope
        match error:
            case RejectedError():
                # An answer: the business system is well.
                self._succeeded(scope)
            case BusyError():
                self._breaker(scope.tenant_id).pause(error.retry_after_s)
            case _:
                # What it answers may repeat what it was sent: personal data, which logs must not hold.
                status = getattr(error, "status", None)
                error_type = type(error).__name__
                _log.warning("crm_sync.attempt_failed", attempt=delivery.attempt, error=error_type, status=status)
                self._breaker(scope.tenant_id).failed()
                self._note_open(scope, _reason(error))

    def _put_off(self, delivery: Delivery, error: Exception) -> Result:
        options = self._options
        match error:
            case RejectedError():
                return GivenUp(delivery, f"{self._vendor.name} refuses the record: {error}")
            case BusyError():
                return Postponed(delivery, str(error), _in(error.retry_after_s), counts=False)
        if delivery.attempt >= options.max_attempts:
            return GivenUp(delivery, _reason(error))
        delay = backoff_s(delivery.attempt, first_s=options.retry_first_s, limit_s=options.retry_limit_s)
        if _may_still_be_at_work(error):
            delay = max(delay, options.after_timeout_s)
        return Postponed(delivery, _reason(error), _in(delay))

    def _succeeded(self, scope: Scope) -> None:
        self._breaker(scope.tenant_id).succeeded()
        opened_at = self._opened.pop(scope.tenant_id, None)
        if opened_at is not None:
            self._changes.append(CircuitChange(scope, self._worker, opened_at, open=False))

    def _note_open(self, scope: Scope, reason: str) -> None:
        breaker = self._breaker(scope.tenant_id)
        if breaker.circuit is not Circuit.CLOSED and scope.tenant_id not in self._opened:
            now = datetime.now(UTC)
            self._opened[scope.tenant_id] = now
            retry_at = now + timedelta(seconds=breaker.waits_s)
            self._changes.append(CircuitChange(scope, self._worker, now, open=True, retry_at=retry_at, reason=reason))

    def _breaker(self, tenant_id: str) -> Breaker:
        if tenant_id not in self._breakers:

            def changed(circuit: Circuit) -> None:
                metrics.CIRCUIT.labels(self._vendor.name, tenant_id).set(circuit)
                log = _log.error if circuit is Circuit.OPEN else _log.info
                log("crm_sync.circuit", vendor=self._vendor.name, tenant_id=tenant_id, circuit=circuit.name.lower())

            self._breakers[tenant_id] = Breaker(self._options.breaker, time.monotonic, changed)
        return self._breakers[tenant_id]

    def _note(self, result: Result, took_s: float) -> None:
        record = result.delivery.record
        metrics.ATTEMPT_SECONDS.labels(self._vendor.name, _name(result)).observe(took_s)
        metrics.RECORDS.labels(self._vendor.name, record.kind, _name(result)).inc()
        if isinstance(result, GivenUp):
            attempts = result.delivery.attempt
            _log.error("crm_sync.given_up", vendor=self._vendor.name, event_id=record.event_id, attempts=attempts)


def _name(result: Result) -> str:
    return type(result).__name__.lower()


def _may_still_be_at_work(error: Exception) -> bool:
    """Whether the request was given up, by us or by what stands before the business system (504), and not by itself."""
    return isinstance(error, TimeoutError) or getattr(error, "status", None) == 504


def _reason(error: Exception) -> str:
    return storable(f"{type(error).__name__}: {error}")


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
