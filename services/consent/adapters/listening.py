"""What consent hears from the bus: opt-outs of calls, and withdrawals that other processes wrote."""

import asyncio

from google.protobuf.message import Message
from voicemesh.events.v1.business_events_pb2 import ConsentWithdrawn, OptOutRequested
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh import logs
from mesh.bus import BusUnavailableError, Delivery, UnprocessableError, connect
from mesh.database import is_away
from mesh.outbox import Outbox
from services.consent import metrics
from services.consent.handlers import Consent
from services.consent.hub import Hub
from services.consent.model import Channel, Scope, Subject
from services.consent.phones import normalise

_log = logs.get_logger(__name__)
_SOURCE = "/voicemesh/consent"
_DURABLE = "consent-opt-out"  # + region: one place in the stream for each region's processes


class Listening:
    """The service's life on the bus. Decisions never wait for it: without the broker they are made all the same.

    Args:
        consent: writes suppressions.
        hub: told of withdrawals that other processes wrote.
        outbox: whose events are published.
        region: only this region's opt-outs are taken; withdrawals are heard from all.
        retry_s: time between tries to reach the broker, seconds.
    """

    def __init__(self, consent: Consent, hub: Hub, outbox: Outbox, region: str, retry_s: float) -> None:
        self._consent = consent
        self._hub = hub
        self._outbox = outbox
        self._region = region
        self._retry_s = retry_s

    async def run(self, nats_url: str) -> None:
        """Publish and listen, for ever; a broker that isn't there is tried again."""
        while True:
            try:
                await self._listen(nats_url)
            except* BusUnavailableError as group:
                _log.warning("consent.bus_unavailable", error=str(group.exceptions[0]), retry_s=self._retry_s)
            await asyncio.sleep(self._retry_s)

    async def _listen(self, nats_url: str) -> None:
        async with connect(nats_url, source=_SOURCE) as bus, asyncio.TaskGroup() as tasks:
            withdrawals = await bus.consumer([ConsentWithdrawn], durable=None)
            durable = f"{_DURABLE}-{self._region}"
            opt_outs = await bus.consumer([OptOutRequested], durable=durable, region=self._region, away=is_away)
            metrics.BUS_CONNECTED.set(1)
            try:
                tasks.create_task(withdrawals.run(self.on_withdrawn))
                tasks.create_task(opt_outs.run(self.on_opt_out))
                await self._outbox.run(bus)
            finally:
                metrics.BUS_CONNECTED.set(0)

    async def on_withdrawn(self, event: Message, _: Delivery) -> None:
        """Let the monitor streams of this process look again at whom it concerns."""
        assert isinstance(event, ConsentWithdrawn)
        subject = _subject(event.context.customer)
        if subject is not None:
            self._hub.tell(event.context.tenant_id, subject.keys)

    async def on_opt_out(self, event: Message, _: Delivery) -> None:
        """Suppress a customer who asked, in a call, not to be reached again; once an event.

        Raises:
            UnprocessableError: the event doesn't say who the customer is.
        """
        assert isinstance(event, OptOutRequested)
        subject = _subject(event.context.customer)
        if subject is None:
            metrics.OPT_OUTS.labels("unknown_customer").inc()
            raise UnprocessableError("the event names neither a telephone number nor a customer id")
        await self._consent.suppress(
            _scope(event.context),
            subject=subject,
            channel=_channel(event.channel),
            reason="asked in a call not to be reached again",
            expires_at=None,
            idempotency_key=f"opt-out:{event.context.event_id}",
        )
        metrics.OPT_OUTS.labels("suppressed").inc()


def _scope(context: EventContext) -> Scope:
    return Scope(
        tenant_id=context.tenant_id,
        region=context.region,
        correlation_id=context.correlation_id,
        language=context.language,
        session_id=context.session_id,
    )


def _subject(customer: CustomerReference) -> Subject | None:
    """Whom an event concerns; a number that can't be one is left out. None: nobody is named."""
    try:
        phone = normalise(customer.phone) if customer.phone else ""
    except ValueError:
        phone = ""
    return Subject(phone, customer.customer_id) if phone or customer.customer_id else None


def _channel(name: str) -> Channel | None:
    """The channel of an opt-out. One this version doesn't know means all of them: a no is never narrowed."""
    return Channel(name) if name in set(Channel) else None
