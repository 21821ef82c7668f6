"""The connection to NATS, its streams, and publishing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from nats.aio.client import Client
from nats.errors import Error as NatsError
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from mesh import logs, telemetry
from mesh.bus.cancelling import cancellable
from mesh.bus.consumer import Consumer
from mesh.bus.envelope import Envelope, seal
from mesh.bus.options import Away, ConsumerOptions, connection_lost
from mesh.bus.streams import set_up
from mesh.bus.topology import Topology, load_topology
from mesh.bus.upcasting import Reading
from mesh.config import ConfigError

if TYPE_CHECKING:
    from nats.js import JetStreamContext

_PUBLISH_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2

_log = logs.get_logger(__name__)
_tracer = telemetry.tracer("mesh.bus")


class BusUnavailableError(ConnectionError):
    """NATS or its JetStream does not answer; the same publish may be tried again."""


class Bus:
    """A connection to the event bus; made by :func:`connect`."""

    def __init__(self, client: Client, source: str, topology: Topology) -> None:
        self._client = client
        self._source = source
        self._topology = topology
        self.jetstream: JetStreamContext = client.jetstream(timeout=_PUBLISH_TIMEOUT_S)

    @property
    def connected(self) -> bool:
        """Whether the server is reached at this moment."""
        return self._client.is_connected

    @property
    def replicas(self) -> int:
        """How many servers keep a copy of what must not be lost: as many as of the event stream."""
        return max(
            (stream.replicas for stream in self._topology.streams.values() if stream.storage == "file"), default=1
        )

    async def set_up_streams(self) -> None:
        """Make the streams that are missing, as a server that started anew lacks those it kept in memory.

        Raises what :func:`mesh.bus.streams.set_up` raises.
        """
        await set_up(self.jetstream, self._topology.streams.values())

    async def publish(self, event: Message, *, parent: Context | None = None) -> None:
        """Publish an event and wait until the stream has it on disk.

        ``parent`` is the trace context it belongs to; None: the current one. Publishing the same event again within
        two minutes changes nothing. Raises ``EventError`` for an event that lacks something and
        :class:`BusUnavailableError` when the stream does not confirm.
        """
        await self.publish_envelope(seal(event), parent=parent)

    async def publish_envelope(self, envelope: Envelope, *, parent: Context | None = None) -> None:
        """Publish an event that is sealed already; otherwise as :meth:`publish`."""
        short = envelope.type_name.rpartition(".")[2]
        attributes = {
            "messaging.system": "nats",
            "messaging.destination.name": envelope.subject,
            "messaging.operation.type": "send",
            "messaging.message.id": envelope.event_id,
        }
        with _tracer.start_as_current_span(
            f"publish {short}", context=parent, kind=SpanKind.PRODUCER, attributes=attributes
        ):
            headers = {"ce-source": self._source, **envelope.headers, **telemetry.inject()}
            try:
                await cancellable(
                    self.jetstream.publish(envelope.subject, envelope.payload, headers=headers, stream=envelope.stream)
                )
            except (NatsError, TimeoutError, OSError) as error:
                raise BusUnavailableError(f"the stream did not confirm {short}: {error!r}") from error

    async def consumer(
        self,
        event_types: Sequence[type[Message]],
        *,
        durable: str | None,
        region: str = "*",
        options: ConsumerOptions | None = None,
        away: Away = connection_lost,
    ) -> Consumer:
        """Make a consumer of these events.

        ``durable`` names a place in the stream that all processes of that name share: each event goes to one of
        them, at least once, and nothing is missed while none runs. None: every process gets every event from now on
        (to drop cached values, to push news), and none from before. Of an event that has several versions it gets the
        one that is asked for, whichever was published (:mod:`mesh.bus.upcasting`). ``options`` None: the policy that
        ``streams.toml`` has for it. ``away`` says which of a handler's failures are outages, which are waited out
        and bury no event; with a database ``mesh.database.is_away``. Raises :class:`BusUnavailableError`, and
        ``EventError`` for events of both profiles or two versions of one event.
        """
        reading = Reading(event_types, region)
        chosen = options or self._topology.consumer_options(durable)
        consumer = Consumer(
            self._client, self.jetstream, durable, reading, chosen, set_up=self.set_up_streams, away=away
        )
        try:
            await consumer.ensure()
        except (NatsError, TimeoutError, OSError) as error:
            raise BusUnavailableError(f"the consumer {durable} could not be made: {error!r}") from error
        return consumer


@contextlib.asynccontextmanager
async def connect(
    nats_url: str,
    *,
    source: str,
    topology: Topology | None = None,
    set_up_streams: bool = True,
    connect_timeout_s: float = 15.0,
) -> AsyncIterator[Bus]:
    """Connect, set the streams up where they are missing, and drain at the end of the context.

    ``source`` is the CloudEvents source of all that is published, for example ``/voicemesh/dialogue``. A lost
    connection is taken up again for ever. ``topology`` says what streams there are to be; None: the bundled file and
    the environment say it. A stream that exists is left as it is: an operator may have tuned it. Raises
    ``ConfigError`` for an empty URL and for streams that cannot be, and :class:`BusUnavailableError` when no server
    answers within ``connect_timeout_s``.
    """
    if not nats_url:
        raise ConfigError("VOICEMESH_NATS_URL is empty: give the broker's URL, such as nats://127.0.0.1:4222")
    topology = topology or load_topology()
    client = Client()
    try:
        try:
            async with asyncio.timeout(connect_timeout_s):
                await cancellable(_connect(client, nats_url, source))
                bus = Bus(client, source, topology)
                if set_up_streams:
                    await bus.set_up_streams()
        except (NatsError, TimeoutError, OSError) as error:
            raise BusUnavailableError(
                f"no JetStream answers at VOICEMESH_NATS_URL within {connect_timeout_s:g} s ({error!r}): "
                "start nats-server with -js, or correct the URL"
            ) from error
        yield bus
    finally:
        await _close(client)


async def _connect(client: Client, nats_url: str, source: str) -> None:
    await client.connect(
        servers=nats_url.split(","),
        name=source,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=10,
        error_cb=_log_error,
        disconnected_cb=_log_disconnected,
        reconnected_cb=_log_reconnected,
    )


async def _close(client: Client) -> None:
    """Send what is on its way, and close.

    Not the client's own drain: it waits for subscriptions' queues, which consumers have left by now, up to half a
    minute, and takes a cancellation for an answer.
    """
    try:
        # Not connected at this moment: nothing can be sent, and what was not confirmed is still in the outbox.
        with contextlib.suppress(NatsError, TimeoutError):
            await client.flush(timeout=_CLOSE_TIMEOUT_S)
    finally:
        await client.close()


async def _log_error(error: Exception) -> None:
    _log.warning("bus.error", error=repr(error))


async def _log_disconnected() -> None:
    _log.warning("bus.disconnected")


async def _log_reconnected() -> None:
    _log.info("bus.reconnected")
