"""Forgets a contact in the consent store, as far as the law lets it.

What somebody allowed goes: without it nobody is called. What somebody refused, revoked or was suppressed for stays by
its key - the telephone number or customer id that the next campaign would use -, for else the no would be forgotten
with the person (GDPR, article 17, paragraph 3 b; for marketing article 21, paragraph 3). Its wording, its reference and
its session go.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh import logs
from mesh.bus import BusUnavailableError, Delivery, connect
from mesh.database import is_away, scrub
from mesh.durations import to_timestamp
from mesh.outbox import Outbox
from services.consent.adapters.tables import records, suppressions
from services.consent.hub import Hub
from services.consent.model import State, Subject

SERVICE = "consent"
_SOURCE = "/voicemesh/consent"
_log = logs.get_logger(__name__)


class Erasures:
    """Hears who is to be forgotten, forgets them, and says so."""

    def __init__(self, outbox: Outbox, hub: Hub, region: str, retry_s: float) -> None:
        self._outbox = outbox
        self._hub = hub
        self._region = region
        self._retry_s = retry_s

    async def listen(self, nats_url: str) -> None:
        """Act on what is asked, for ever; a broker that isn't there is tried again."""
        while True:
            try:
                async with connect(nats_url, source=_SOURCE) as bus:
                    durable = f"consent-erasure-{self._region}"
                    consumer = await bus.consumer([ErasureRequested], durable=durable, away=is_away)
                    await consumer.run(self.on_requested)
            except BusUnavailableError as error:
                _log.warning("erasure.no_bus", error=str(error))
            await asyncio.sleep(self._retry_s)

    async def on_requested(self, event: Message, _: Delivery) -> None:
        """Forget a contact and say so, in one transaction. Raises ``SQLAlchemyError``: then it is tried again."""
        assert isinstance(event, ErasureRequested)
        context = event.context
        async with self._outbox.transaction() as connection:
            counts = await erase(connection, context.tenant_id, event.customer_ids, event.phones)
            await self._outbox.add(connection, self._completed(event, counts))
        await scrub(self._outbox.engine)
        for subject in (*(Subject(phone, "") for phone in event.phones), *(Subject("", c) for c in event.customer_ids)):
            self._hub.tell(context.tenant_id, subject.keys)

    def _completed(self, event: ErasureRequested, counts: Mapping[str, int]) -> ErasureCompleted:
        asked = event.context
        context = EventContext(
            event_id=f"{event.erasure_id}.{SERVICE}.{self._region}",
            occurred_at=to_timestamp(datetime.now(UTC)),
            tenant_id=asked.tenant_id,
            region=self._region,
            correlation_id=asked.correlation_id,
            language=asked.language,
        )
        return ErasureCompleted(context=context, erasure_id=event.erasure_id, service=SERVICE, counts=counts)


async def erase(
    connection: AsyncConnection, tenant_id: str, customer_ids: Iterable[str], phones: Iterable[str]
) -> dict[str, int]:
    """Forget what a customer allowed, and why they refused; return how much went, and how much stays."""
    counts = {}
    theirs = [_theirs(table, tenant_id, customer_ids, phones) for table in (records, suppressions)]
    granted = await connection.execute(records.delete().where(theirs[0], records.c.state == State.GRANTED))
    counts["consents"] = granted.rowcount
    bare = {"evidence_wording": "", "evidence_reference": "", "session_id": ""}
    kept = await connection.execute(records.update().where(theirs[0]).values(**bare))
    counts["kept_refusals"] = kept.rowcount
    kept = await connection.execute(suppressions.update().where(theirs[1]).values(session_id=""))
    counts["kept_suppressions"] = kept.rowcount
    return {name: count for name, count in counts.items() if count}


def _theirs(
    table: sa.Table, tenant_id: str, customer_ids: Iterable[str], phones: Iterable[str]
) -> sa.ColumnElement[bool]:
    by_name = sa.or_(table.c.customer_id.in_(list(customer_ids)), table.c.phone.in_(list(phones)))
    return sa.and_(table.c.tenant_id == tenant_id, by_name)
