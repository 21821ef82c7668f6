"""Events become deliveries: batches from the bus, in order, each batch one transaction."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.bus import Delivery as FromBus
from mesh.outbox import Outbox
from services.crm_gateway import metrics
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.contact_batches import contacts_of
from services.crm_gateway.adapters.ledger import Ledger, lock_names
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.mapping import Mapper
from services.crm_gateway.model import Contact, NewRecord, RecordState
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.evidence import evidence_of


class Queue(Protocol):
    """Where deliveries wait; `adapters/deliveries.py` says more."""

    async def add_many(
        self, connection: AsyncConnection, entries: Sequence[tuple[NewRecord, Contact | None, Mapping[str, str]]]
    ) -> list[NewRecord]:
        """Put records in; return those that were not there before."""


class Intake:
    """Puts what events become into the queue of a business system.

    Args:
        wake: told once there is more to do.
        rules: whose word counts of a contact.
        tenant_id: whose account the business system is: events of others are left alone; empty: one for all tenants.
    """

    def __init__(
        self,
        mapper: Mapper,
        outbox: Outbox,
        queue: Queue,
        vendor: str,
        wake: Callable[[], None],
        *,
        rules: Rules,
        tenant_id: str = "",
    ) -> None:
        self._tenant_id = tenant_id
        self._mapper = mapper
        self._outbox = outbox
        self._ledger = Ledger(outbox, rules)
        self._drafts = Drafts(outbox)
        self._queue = queue
        self._vendor = vendor
        self._wake = wake

    async def on_events(self, batch: Sequence[tuple[Message, FromBus]]) -> None:
        """Queue what a batch becomes. Raises ``SQLAlchemyError``: then the batch comes again."""
        batch = [(event, delivery) for event, delivery in batch if self._concerns(event)]
        mapped = [(self._mapper.map(event), delivery.trace) for event, delivery in batch]
        records = [(record, trace) for record, trace in mapped if record is not None]
        if not records:
            return
        async with self._outbox.transaction() as connection:
            by_tenant: dict[str, list[str]] = {}
            for record, _ in records:
                by_tenant.setdefault(record.scope.tenant_id, []).extend(lock_names(record))
            for tenant_id, names in sorted(by_tenant.items()):
                await contact_rows.hold(connection, tenant_id, names)
            contacts = await contacts_of(connection, self._ledger, [record for record, _ in records])
            entries = [(record, contact, trace) for (record, trace), contact in zip(records, contacts, strict=True)]
            new = await self._queue.add_many(connection, entries)
            ended = [evidence for event, _ in batch if (evidence := evidence_of(event)) is not None]
            for record, contact, trace in entries:
                if record.state is RecordState.DRAFT and record in new:
                    await self._drafts.make(connection, record, contact, vendor=self._vendor, trace=trace)
            await self._drafts.attach(connection, ended)
        for record in new:
            done = "draft" if record.state is RecordState.DRAFT else "queued"
            metrics.RECORDS.labels(self._vendor, record.kind, done).inc()
        self._wake()

    def _concerns(self, event: Any) -> bool:
        return self._tenant_id in ("", event.context.tenant_id)
