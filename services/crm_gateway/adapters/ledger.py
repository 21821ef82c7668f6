"""The sync process's store: whose record it is, and that it was written, in one transaction each."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.statements import Statements
from services.crm_gateway.adapters.tables import records
from services.crm_gateway.conflicts.merging import plain
from services.crm_gateway.conflicts.model import CALL, Statement, Value
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.events import record_written
from services.crm_gateway.model import Contact, ContactKey, Customer, NewRecord


class Ledger:
    """Finds or makes the contact of a record, and announces what was written.

    Args:
        rules: whose word counts of a contact.
    """

    def __init__(self, outbox: Outbox, rules: Rules) -> None:
        self._outbox = outbox
        self.statements = Statements(rules, outbox)

    @contextlib.asynccontextmanager
    async def unit(self, record: NewRecord) -> AsyncIterator[AsyncConnection]:
        """Open the transaction of one record; another of the same event, session or customer waits for it."""
        async with self._outbox.transaction() as connection:
            await contact_rows.hold(connection, record.scope.tenant_id, lock_names(record))
            yield connection

    async def contact_of(self, unit: AsyncConnection, record: NewRecord) -> Contact | None:
        """Return the contact a record belongs to, made where it is new; None when nothing is known of the customer.

        Found by its id, its customer id, its telephone number, else by an earlier record of the same session. What
        the call says of a known contact, and is not known already, is a statement: the rules say whether it counts.
        """
        known = await self._find(unit, record)
        if known is not None:
            return await self.statements.take(unit, record.scope, known, said(record, known))
        if not record.customer.known:
            return None
        return await self.statements.create(unit, record.scope, said(record, None))

    async def announce(
        self, unit: AsyncConnection, record: NewRecord, contact: Contact | None, *, vendor: str, record_id: str
    ) -> bool:
        """Put RecordWritten into the outbox; say whether it was new."""
        event = record_written(
            record.scope,
            contact,
            vendor=vendor,
            kind=record.kind,
            record_id=record_id,
            source_event_id=record.event_id,
            event_id=f"record.{vendor}.{record.record_id}",
            record=record,
        )
        return await self._outbox.add(unit, event)

    async def _find(self, unit: AsyncConnection, record: NewRecord) -> Contact | None:
        tenant_id = record.scope.tenant_id
        for key in keys(record.customer):
            contact = await contact_rows.find(unit, tenant_id, key)
            # A number shared with a customer of another id is no reason to mix the two up.
            shared = contact is not None and key.kind == "phone" and differ(contact, record.customer)
            if contact is not None and not shared:
                return contact
        if not record.scope.session_id:
            return None
        statement = (
            sa.select(records.c.contact_id)
            .where(
                records.c.tenant_id == tenant_id,
                records.c.session_id == record.scope.session_id,
                records.c.contact_id.is_not(None),
            )
            .order_by(records.c.sequence)
            .limit(1)
        )
        contact_id = (await unit.execute(statement)).scalar()
        if contact_id is None:
            return None
        contact = await contact_rows.find(unit, tenant_id, ContactKey("contact_id", contact_id))
        return None if contact is None or differ(contact, record.customer) else contact


def lock_names(record: NewRecord) -> list[str]:
    """Return what to hold while a record's contact is found or made and the record is written or queued."""
    names = [f"event:{record.event_id}", *map(contact_rows.lock_name, keys(record.customer))]
    return [*names, f"session:{record.scope.session_id}"] if record.scope.session_id else names


def differ(contact: Contact, customer: Customer) -> bool:
    """Whether they have different customer ids: they are not the same, though they share a number."""
    return bool(contact.customer_id and customer.customer_id and contact.customer_id != customer.customer_id)


def keys(customer: Customer) -> list[ContactKey]:
    """Return what a customer's contact is found by, what counts most first."""
    named = (
        ContactKey("contact_id", customer.contact_id),
        ContactKey("customer_id", customer.customer_id),
        ContactKey("phone", customer.phone),
    )
    return [key for key in named if key.value]


def said(record: NewRecord, contact: Contact | None) -> list[Statement]:
    """Return what a call says of its contact that is not known of it already; of a new contact all it says."""
    customer, known = record.customer, contact or Contact("")
    phones = (customer.phone,) if customer.phone else ()
    is_named = plain(customer.name) == plain(known.display_name)
    values: dict[str, tuple[Value, bool, float | None]] = {
        "customer_id": (customer.customer_id, customer.customer_id == known.customer_id, None),
        "display_name": (customer.name, is_named, customer.name_confidence),
        "phones": (phones, customer.phone in known.phones, customer.phone_confidence),
    }
    return [
        Statement(name, CALL, value, record.occurred_at, record.event_id, confidence)
        for name, (value, is_known, confidence) in values.items()
        if value and not is_known
    ]


def filled(contact: Contact, customer: Customer) -> Contact:
    """Return a new contact with what is known of the customer."""
    return replace(
        contact,
        customer_id=customer.customer_id,
        display_name=customer.name,
        phones=(customer.phone,) if customer.phone else (),
    )
