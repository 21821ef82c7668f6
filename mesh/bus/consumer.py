"""Consuming events: a durable pull consumer with explicit acknowledgement, retries and dead letters."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import Counter, Gauge

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from mesh.bus.cancelling import cancellable
from mesh.bus.dead_letters import bury
from mesh.bus.envelope import (
    EventError,
    MalformedEventError,
    UnknownEventTypeError,
    attribute,
    context_of,
    occurred_at,
    open_event,
)
from mesh.bus.options import Away, ConsumerOptions, UnprocessableError, connection_lost
from mesh.bus.upcasting import Reading

_FETCH_TIMEOUT_S = 2.0
_GATHER_S = 0.02
"""How long the rest of a batch is waited for once its first event is there."""
_INACTIVE_S = 300.0
_TOGETHER = 3
"""Deliveries after which an event is part of no batch any more."""

_log = logs.get_logger(__name__)
_tracer = telemetry.tracer("mesh.bus")
_consumed = Counter("voicemesh_events_consumed", "Events taken from the bus.", ["consumer", "type", "result"])
_waiting = Gauge("voicemesh_events_waiting", "Events in the stream a consumer has yet to take.", ["consumer"])

Result = Literal["done", "away", "retry", "dead", "unknown", "twin"]
"""What became of an attempt: away and retry are tried again, unknown and twin are passed over."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known of an event's way here."""

    event_id: str
    type_name: str
    subject: str
    source: str
    occurred_at: datetime | None
    attempt: int
    """From 1: how often it was delivered, and tried again where it was."""
    stream_sequence: int
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace it belongs to, as headers."""


Handler = Callable[[Message, Delivery], Awaitable[None]]
BatchHandler = Callable[[Sequence[tuple[Message, Delivery]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Taken:
    """An event in hand."""

    message: Msg
    event: Message
    delivery: Delivery


class Consumer:
    """A reader of events; made by ``Bus.consumer``.

    The handler's return acknowledges an event. What it raises decides what follows:

    - :class:`UnprocessableError`: a dead letter at once.
    - an outage, as ``away`` has it: the event is tried again in its place, later each time, until the outage is over.
      It is not counted, and nothing overtakes the event: what comes behind it would fail as well.
    - anything else, or taking longer than ``handler_timeout_s``: tried again in its place, and a dead letter after
      ``max_attempts``. Until then what comes behind it waits, so that the order holds.

    While an event is handled or waits, the server is told so and gives it to nobody else. A process that ends gives
    back what it has. An event that kills its process, each time, is a dead letter after ``max_deliveries``. Dead
    letters lie in the stream ``VOICEMESH_DEAD`` with the reason in a header.

    With ``concurrency`` 1 the order holds within a process; ``max_in_flight`` 1 has it hold over all of a durable's.

    Handlers must be idempotent: an event comes at least once.
    """

    def __init__(
        self,
        client: Client,
        jetstream: JetStreamContext,
        durable: str | None,
        reading: Reading,
        options: ConsumerOptions,
        *,
        set_up: Callable[[], Awaitable[None]],
        away: Away = connection_lost,
    ) -> None:
        self._jetstream = jetstream
        self._reading = reading
        self._set_up = set_up
        self._options = options
        self._away = away
        # The server's own limit stays off: an event it gives up on would be lost without a trace.
        self._config = ConsumerConfig(
            name=durable or f"live-{client.new_inbox().rpartition('.')[2]}",
            durable_name=durable,
            deliver_policy=DeliverPolicy.ALL if durable else DeliverPolicy.NEW,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=options.ack_wait_s,
            max_deliver=-1,
            max_ack_pending=options.max_in_flight,
            filter_subjects=reading.subjects,
            inactive_threshold=None if durable else _INACTIVE_S,
        )
        self._label = durable or "live"
        self._in_flight: dict[int, Msg] = {}

    async def ensure(self) -> None:
        """Make the consumer on the server, or bring the one that is there up to date; its stream too if it is gone."""
        try:
            await cancellable(self._jetstream.add_consumer(self._reading.stream, config=self._config))
        except NotFoundError:
            await self._set_up()
            await cancellable(self._jetstream.add_consumer(self._reading.stream, config=self._config))

    async def run(self, handler: Handler) -> None:
        """Hand events to ``handler``, for ever; outages of the bus are waited out. Ends only by cancellation."""

        async def handle(batch: Sequence[tuple[Message, Delivery]]) -> None:
            for event, delivery in batch:
                await handler(event, delivery)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_progress())
            for _ in range(self._options.concurrency):
                group.create_task(self._loop(lambda subscription: self._take(subscription, handle, 1)))

    async def run_batches(self, handler: BatchHandler, *, size: int) -> None:
        """Hand events to ``handler`` in batches of at most ``size``, in the stream's order, for ever.

        When the handler raises, and not because of an outage, each event of the batch is handed over by itself, in
        order, each as with :meth:`run`. For the order over processes have one of them at a time: what another one
        left comes first once ``ack_wait_s`` is over.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_progress())
            group.create_task(self._loop(lambda subscription: self._take(subscription, handler, size)))

    async def _loop(self, take: Callable[[JetStreamContext.PullSubscription], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                if failures:
                    await self.ensure()
                subscription = await self._jetstream.pull_subscribe_bind(
                    consumer=self._config.name, stream=self._reading.stream
                )
                try:
                    while True:
                        await take(subscription)
                        failures = 0
                finally:
                    await _unsubscribe(subscription)
            except (NatsError, TimeoutError, OSError) as error:
                failures += 1
                _log.warning("bus.consumer_interrupted", consumer=self._label, error=repr(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=2.0))

    async def _take(self, subscription: JetStreamContext.PullSubscription, handler: BatchHandler, size: int) -> None:
        messages = await _fetch(subscription, 1, _FETCH_TIMEOUT_S)
        # What came several times may be what ends processes: it goes alone, lest others share its end.
        if messages and size > 1 and messages[0].metadata.num_delivered <= _TOGETHER:
            messages += await _fetch(subscription, size - 1, _GATHER_S)
        self._in_flight |= {id(message): message for message in messages}
        try:
            await self._process(messages, handler)
        except asyncio.CancelledError:
            # The process is going away: another may have them at once, in their order.
            for message in messages:
                with contextlib.suppress(NatsError):
                    await message.nak()
            raise
        finally:
            for message in messages:
                self._in_flight.pop(id(message), None)

    async def _process(self, messages: list[Msg], handler: BatchHandler) -> None:
        batch: list[_Taken] = []
        for message in messages:
            delivery = self._delivery(message)
            event = await self._opened(message, delivery)
            if isinstance(event, str):
                _consumed.labels(self._label, "" if event == "unknown" else delivery.type_name, event).inc()
            else:
                batch.append(_Taken(message, event, _as_handed(delivery, event)))
        if batch:
            await self._settle(batch, handler)

    async def _settle(self, batch: list[_Taken], handler: BatchHandler, tries: int = 0) -> None:
        """Have a batch processed, in its place, however long that takes; one bad event holds others up for a while."""
        failures = 0
        while True:
            error, away = await self._try(batch, handler, tries)
            if error is None:
                await self._done(batch)
                return
            tries += 1
            if away:
                self._count(batch, "away")
                await asyncio.sleep(self._delay(tries))
                continue
            if len(batch) > 1:
                for each in batch:
                    await self._settle([each], handler, tries)
                return
            failures += 1
            if isinstance(error, UnprocessableError) or failures >= self._options.max_attempts:
                delivery = replace(batch[0].delivery, attempt=batch[0].delivery.attempt + tries - 1)
                await self._bury(batch[0].message, delivery, error)
                self._count(batch, "dead")
                return
            self._count(batch, "retry")
            await asyncio.sleep(self._delay(failures))

    async def _try(self, batch: list[_Taken], handler: BatchHandler, tries: int) -> tuple[Exception | None, bool]:
        """Hand a batch over once; return what went wrong, and whether that is an outage."""
        events = [(each.event, replace(each.delivery, attempt=each.delivery.attempt + tries)) for each in batch]
        limit = asyncio.timeout(self._options.handler_timeout_s)
        with self._span(batch) as span:
            try:
                async with limit:
                    await handler(events)
            except Exception as error:  # noqa: BLE001  # whatever a handler raises is a failed attempt
                # A TimeoutError is an OSError; that of a handler that does not end is no outage.
                away = not (limit.expired() or isinstance(error, UnprocessableError)) and self._away(error)
                span.set_status(Status(StatusCode.ERROR, "away" if away else type(error).__name__))
                self._log_failure(events, error, away=away)
                return error, away
        return None, False

    def _log_failure(self, events: list[tuple[Message, Delivery]], error: Exception, *, away: bool) -> None:
        first = events[0][1]
        what: dict[str, Any] = {"consumer": self._label, "events": len(events), "attempt": first.attempt}
        what |= {"type": first.type_name, "event_id": first.event_id}
        if away:
            _log.warning("bus.away", error=type(error).__name__, **what)
        else:
            _log.exception("bus.handler_failed", **what)

    def _span(self, batch: list[_Taken]) -> AbstractContextManager[Span]:
        """The span of an attempt: a single event's belongs to the trace of what it tells."""
        common = {"messaging.system": "nats", "messaging.operation.type": "process"}
        if len(batch) > 1:
            attributes: dict[str, str | int] = {**common, "messaging.batch.message_count": len(batch)}
            name, parent = f"process batch of {len(batch)}", None
        else:
            message, delivery = batch[0].message, batch[0].delivery
            attributes = {
                **common,
                "messaging.destination.name": message.subject,
                "messaging.message.id": delivery.event_id,
                "messaging.consumer.group.name": self._label,
            }
            name = f"process {delivery.type_name.rpartition('.')[2]}"
            parent = telemetry.extract(message.headers or {})
        return _tracer.start_as_current_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=attributes)

    async def _done(self, batch: list[_Taken]) -> None:
        for each in batch:
            await cancellable(each.message.ack())
        self._count(batch, "done")

    def _count(self, batch: list[_Taken], result: Result) -> None:
        for each in batch:
            _consumed.labels(self._label, each.delivery.type_name, result).inc()

    def _delivery(self, message: Msg) -> Delivery:
        headers = message.headers or {}
        metadata = message.metadata
        _waiting.labels(self._label).set(metadata.num_pending)
        return Delivery(
            event_id=attribute(headers, "id"),
            type_name=attribute(headers, "type"),
            subject=message.subject,
            source=attribute(headers, "source"),
            occurred_at=occurred_at(headers),
            attempt=metadata.num_delivered,
            stream_sequence=metadata.sequence.stream,
            trace=telemetry.trace_headers(headers),
        )

    async def _opened(self, message: Msg, delivery: Delivery) -> Message | Result:
        """Read an event; one that is not to be handled is dealt with, and what became of it is returned."""
        headers = message.headers or {}
        if delivery.attempt > self._options.max_deliveries:
            await self._bury(message, delivery, f"no answer to {self._options.max_deliveries} deliveries")
            return "dead"
        try:
            event = self._reading.take(open_event(headers, message.data), headers)
        except UnknownEventTypeError:
            _log.warning("bus.unknown_event_type", consumer=self._label, type=delivery.type_name)
            await cancellable(message.ack())
            return "unknown"
        except (MalformedEventError, EventError) as error:
            await self._bury(message, delivery, str(error))
            return "dead"
        if event is None:
            await cancellable(message.ack())
            return "twin"
        return event

    def _delay(self, attempt: int) -> float:
        options = self._options
        return backoff_s(attempt, first_s=options.retry_first_s, limit_s=options.retry_limit_s)

    async def _bury(self, message: Msg, delivery: Delivery, reason: Exception | str) -> None:
        """Move a message to the dead letters; where that fails it stays, and is delivered and moved again."""
        await bury(self._jetstream, message, self._label, attempts=delivery.attempt, reason=reason)
        await cancellable(message.term())
        _log.error(
            "bus.dead_letter",
            consumer=self._label,
            type=delivery.type_name,
            event_id=delivery.event_id,
            attempt=delivery.attempt,
        )

    async def _report_progress(self) -> None:
        """Tell the server of the events that handlers are busy with, so that it delivers them to nobody else."""
        while True:
            await asyncio.sleep(self._options.ack_wait_s / 3)
            for message in tuple(self._in_flight.values()):
                with contextlib.suppress(NatsError):
                    await cancellable(message.in_progress())


def _as_handed(delivery: Delivery, event: Message) -> Delivery:
    """What is known of an event's way, for the version that the handler gets."""
    return replace(delivery, event_id=context_of(event).event_id, type_name=event.DESCRIPTOR.full_name)


async def _fetch(subscription: JetStreamContext.PullSubscription, size: int, within_s: float) -> list[Msg]:
    try:
        return await cancellable(subscription.fetch(size, timeout=within_s))
    except TimeoutError:
        return []


async def _unsubscribe(subscription: JetStreamContext.PullSubscription) -> None:
    # Without a connection the server has forgotten the subscription already.
    with contextlib.suppress(NatsError):
        await subscription.unsubscribe()
