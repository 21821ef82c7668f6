"""Consuming events: a durable pull consumer with explicit acknowledgement, retries and dead letters."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter, Gauge

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from mesh.bus.cancelling import cancellable
from mesh.bus.envelope import (
    PREFIX_DEAD,
    EventError,
    MalformedEventError,
    UnknownEventTypeError,
    attribute,
    context_of,
    occurred_at,
    open_event,
)
from mesh.bus.upcasting import Reading

_FETCH_TIMEOUT_S = 2.0
_GATHER_S = 0.02
"""How long the rest of a batch is waited for once its first event is there."""
_INACTIVE_S = 300.0
_REASON_LIMIT = 500

_log = logs.get_logger(__name__)
_tracer = telemetry.tracer("mesh.bus")
_consumed = Counter("voicemesh_events_consumed", "Events taken from the bus.", ["consumer", "type", "result"])
_waiting = Gauge("voicemesh_events_waiting", "Events in the stream a consumer has yet to take.", ["consumer"])

Result = Literal["done", "retry", "dead", "unknown", "twin"]


class UnprocessableError(Exception):
    """Raised by a handler: this event will never be processed. It becomes a dead letter without another try."""


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """How a consumer treats its events."""

    ack_wait_s: float = 10.0
    """The server delivers an event again when it heard nothing of it for so long; a busy handler is reported."""
    max_in_flight: int = 64
    """Unacknowledged events over all processes of the durable; the server holds further ones back."""
    concurrency: int = 1
    """Events one process handles at once; 1 keeps their order."""
    max_attempts: int = 8
    """After so many failed deliveries an event becomes a dead letter."""
    handler_timeout_s: float = 60.0
    """A handler that takes longer has failed."""
    retry_first_s: float = 0.25
    """The wait before the second attempt; it doubles with each."""
    retry_limit_s: float = 30.0
    """The longest wait before an attempt."""


DEFAULT_OPTIONS = ConsumerOptions()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is known of an event's way here."""

    event_id: str
    type_name: str
    subject: str
    source: str
    occurred_at: datetime | None
    attempt: int
    stream_sequence: int
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace it belongs to, as headers."""


Handler = Callable[[Message, Delivery], Awaitable[None]]
BatchHandler = Callable[[Sequence[tuple[Message, Delivery]]], Awaitable[None]]


class Consumer:
    """A reader of events; made by ``Bus.consumer``.

    The handler's return acknowledges an event. :class:`UnprocessableError` makes it a dead letter at once; any other
    exception has it delivered again, later each time, and makes it a dead letter after ``max_attempts``. Dead
    letters lie in the stream ``VOICEMESH_DEAD`` with the reason in a header. A process that dies in a handler counts
    as a failed attempt, so an event that kills its consumer ends as a dead letter too.

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
    ) -> None:
        self._jetstream = jetstream
        self._reading = reading
        self._set_up = set_up
        self._options = options
        self._durable = durable
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
        self._in_flight: list[Msg] = []

    async def ensure(self) -> None:
        """Make the consumer on the server, or bring the one that is there up to date; its stream too if it is gone."""
        try:
            await cancellable(self._jetstream.add_consumer(self._reading.stream, config=self._config))
        except NotFoundError:
            await self._set_up()
            await cancellable(self._jetstream.add_consumer(self._reading.stream, config=self._config))

    async def run(self, handler: Handler) -> None:
        """Hand events to ``handler``, for ever; outages of the bus are waited out. Ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_progress())
            for _ in range(self._options.concurrency):
                group.create_task(self._work(handler))

    async def run_batches(self, handler: BatchHandler, *, size: int) -> None:
        """Hand events to ``handler`` in batches of at most ``size``, in the stream's order, for ever.

        When the handler raises, each event of the batch is handed over by itself; what fails then comes again as with
        :meth:`run`. Use ``max_in_flight`` = ``size`` and one process where the order must hold over retries too.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_progress())
            group.create_task(self._loop(lambda subscription: self._take_batch(subscription, handler, size)))

    async def _work(self, handler: Handler) -> None:
        await self._loop(lambda subscription: self._take(subscription, handler))

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

    async def _take(self, subscription: JetStreamContext.PullSubscription, handler: Handler) -> None:
        for message in await _fetch(subscription, 1, _FETCH_TIMEOUT_S):
            self._in_flight.append(message)
            try:
                await self._process(message, handler)
            finally:
                self._in_flight = [other for other in self._in_flight if other is not message]

    async def _take_batch(
        self, subscription: JetStreamContext.PullSubscription, handler: BatchHandler, size: int
    ) -> None:
        messages = await _fetch(subscription, 1, _FETCH_TIMEOUT_S)
        if messages and size > 1:
            messages += await _fetch(subscription, size - 1, _GATHER_S)
        self._in_flight = messages
        try:
            await self._process_batch(messages, handler)
        finally:
            self._in_flight = []

    async def _process_batch(self, messages: list[Msg], handler: BatchHandler) -> None:
        batch: list[tuple[Msg, Message, Delivery]] = []
        for message in messages:
            delivery = self._delivery(message)
            event = await self._opened(message, delivery)
            if not isinstance(event, str):
                batch.append((message, event, _as_handed(delivery, event)))
        if batch:
            with _tracer.start_as_current_span(
                f"process batch of {len(batch)}",
                kind=SpanKind.CONSUMER,
                attributes={"messaging.system": "nats", "messaging.batch.message_count": len(batch)},
            ):
                await self._hand_over(batch, handler)

    async def _hand_over(self, batch: list[tuple[Msg, Message, Delivery]], handler: BatchHandler) -> None:
        """Have a batch processed; where it fails, each event by itself, so that one bad event holds up no other."""
        try:
            async with asyncio.timeout(self._options.handler_timeout_s):
                await handler([(event, delivery) for _, event, delivery in batch])
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is a failed delivery
            _log.exception("bus.batch_failed", consumer=self._label, events=len(batch))
            if len(batch) > 1:
                for each in batch:
                    await self._hand_over([each], handler)
                return
            message, _, delivery = batch[0]
            result = await self._fail(message, delivery, error)
            _consumed.labels(self._label, delivery.type_name, result).inc()
            return
        for message, _, delivery in batch:
            await cancellable(message.ack())
            _consumed.labels(self._label, delivery.type_name, "done").inc()

    async def _process(self, message: Msg, handler: Handler) -> None:
        delivery = self._delivery(message)
        attributes = {
            "messaging.system": "nats",
            "messaging.destination.name": message.subject,
            "messaging.operation.type": "process",
            "messaging.message.id": delivery.event_id,
            "messaging.consumer.group.name": self._label,
        }
        with _tracer.start_as_current_span(
            f"process {delivery.type_name.rpartition('.')[2]}",
            context=telemetry.extract(message.headers or {}),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        ) as span:
            result = await self._handle(message, delivery, handler)
            span.set_attribute("voicemesh.result", result)
            if result in {"retry", "dead"}:
                span.set_status(Status(StatusCode.ERROR, result))
        known = "" if result == "unknown" else delivery.type_name
        _consumed.labels(self._label, known, result).inc()

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
        try:
            event = self._reading.take(open_event(headers, message.data), headers)
        except UnknownEventTypeError:
            _log.warning("bus.unknown_event_type", consumer=self._label, type=delivery.type_name)
            await cancellable(message.ack())
            return "unknown"
        except (MalformedEventError, EventError) as error:
            return await self._bury(message, delivery, str(error))
        if event is None:
            await cancellable(message.ack())
            return "twin"
        return event

    async def _handle(self, message: Msg, delivery: Delivery, handler: Handler) -> Result:
        if delivery.attempt > self._options.max_attempts:
            return await self._bury(message, delivery, f"no answer to {self._options.max_attempts} deliveries")
        event = await self._opened(message, delivery)
        if isinstance(event, str):
            return event
        try:
            async with asyncio.timeout(self._options.handler_timeout_s):
                await handler(event, _as_handed(delivery, event))
        except UnprocessableError as error:
            return await self._bury(message, delivery, str(error))
        except asyncio.CancelledError:
            # The process is going away: another may have the event at once.
            with contextlib.suppress(NatsError):
                await message.nak()
            raise
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is a failed delivery
            _log.exception(
                "bus.handler_failed",
                consumer=self._label,
                type=delivery.type_name,
                event_id=delivery.event_id,
                attempt=delivery.attempt,
            )
            return await self._fail(message, delivery, error)
        await cancellable(message.ack())
        return "done"

    async def _fail(self, message: Msg, delivery: Delivery, error: Exception) -> Result:
        if delivery.attempt >= self._options.max_attempts:
            return await self._bury(message, delivery, f"{type(error).__name__}: {error}")
        await cancellable(message.nak(self._delay(delivery)))
        return "retry"

    def _delay(self, delivery: Delivery) -> float:
        options = self._options
        return backoff_s(delivery.attempt, first_s=options.retry_first_s, limit_s=options.retry_limit_s)

    async def _bury(self, message: Msg, delivery: Delivery, reason: str) -> Result:
        """Move a message to the dead letters; where that fails it stays, and is delivered and moved again."""
        headers = dict(message.headers or {})
        headers |= {
            # Not the event's own id, lest two consumers' dead letters of one event pass for one.
            "Nats-Msg-Id": f"{self._label}:{delivery.stream_sequence}",
            "Voicemesh-Dead-Reason": quote(reason[:_REASON_LIMIT], safe=" ,.;:()'<>=/_-+"),
            "Voicemesh-Dead-Consumer": self._label,
            "Voicemesh-Dead-Sequence": str(delivery.stream_sequence),
            "Voicemesh-Dead-Attempts": str(delivery.attempt),
        }
        headers.pop("Nats-Expected-Stream", None)
        await cancellable(
            self._jetstream.publish(f"{PREFIX_DEAD}.{self._label}.{message.subject}", message.data, headers=headers)
        )
        await cancellable(message.term())
        _log.error(
            "bus.dead_letter",
            consumer=self._label,
            type=delivery.type_name,
            event_id=delivery.event_id,
            attempt=delivery.attempt,
        )
        return "dead"

    async def _report_progress(self) -> None:
        """Tell the server of the events that handlers are busy with, so that it delivers them to nobody else."""
        while True:
            await asyncio.sleep(self._options.ack_wait_s / 3)
            for message in tuple(self._in_flight):
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
