"""What calls said, read again from the event stream: as much of it as the stream still keeps."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from google.protobuf.message import Message
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from mesh.bus import Bus, Delivery, MalformedEventError, UnknownEventTypeError, cancellable
from mesh.bus.envelope import attribute, occurred_at, open_event
from mesh.bus.upcasting import Reading
from mesh.telemetry import trace_headers

_BATCH = 256
_WAIT_S = 2.0


class EventStream:
    """The events of some types and a region, from a moment on.

    Args:
        durable: the consumer whose progress counts.
    """

    def __init__(self, bus: Bus, event_types: Sequence[type[Message]], region: str, durable: str) -> None:
        self._bus = bus
        self._reading = Reading(event_types, region)
        self._durable = durable
        self.begins_at: datetime | None = None
        """When the first event that was read was published; None: none was."""

    async def taken(self) -> int:
        """Return up to which place in the stream all events were taken; 0: none was."""
        try:
            info = await cancellable(self._bus.jetstream.consumer_info(self._reading.stream, self._durable))
        except NotFoundError:
            return 0
        return info.ack_floor.stream_seq if info.ack_floor else 0

    async def since(self, moment: datetime) -> AsyncIterator[tuple[Message, Delivery]]:
        """Read the events published since a moment, in order, up to the stream's end; each in its wanted version.

        Raises:
            NatsError: the broker does not answer.
        """
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=moment.isoformat(),  # type: ignore[arg-type]  # the client sends it as it is
            ack_policy=AckPolicy.NONE,
            filter_subjects=self._reading.subjects,
            inactive_threshold=60.0,
        )
        jetstream = self._bus.jetstream
        info = await cancellable(jetstream.add_consumer(self._reading.stream, config=config))
        left = info.num_pending or 0
        subscription = await jetstream.pull_subscribe_bind(consumer=info.name, stream=self._reading.stream)
        try:
            while left > 0:
                try:
                    messages = await cancellable(subscription.fetch(min(_BATCH, left), timeout=_WAIT_S))
                except NatsTimeoutError:
                    # What was there at the beginning has been deleted since: the stream keeps no more of it.
                    return
                left -= len(messages)
                self.begins_at = self.begins_at or messages[0].metadata.timestamp
                for message in messages:
                    headers = message.headers or {}
                    try:
                        event = self._reading.take(open_event(headers, message.data), headers)
                    except (UnknownEventTypeError, MalformedEventError):
                        # The consumer has put it among its own dead letters.
                        continue
                    if event is not None:
                        yield event, _delivery(headers, message.subject, message.metadata.sequence.stream)
        finally:
            await subscription.unsubscribe()


def _delivery(headers: dict[str, str], subject: str, sequence: int) -> Delivery:
    return Delivery(
        event_id=attribute(headers, "id"),
        type_name=attribute(headers, "type"),
        subject=subject,
        source=attribute(headers, "source"),
        occurred_at=occurred_at(headers),
        attempt=1,
        stream_sequence=sequence,
        trace=trace_headers(headers),
    )
