"""Whose records they are, for a batch of them: the same contacts as one by one, with a few statements for all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.bus import new_event_id
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.ledger import Ledger, differ, filled, keys, said
from services.crm_gateway.adapters.tables import records as table
from services.crm_gateway.model import Contact, ContactKey, NewRecord, Scope

if TYPE_CHECKING:
    from services.crm_gateway.conflicts.model import Statement


async def contacts_of(
    connection: AsyncConnection, ledger: Ledger, records: Sequence[NewRecord]
) -> list[Contact | None]:
    """Return each record's contact, made where it is new, as `Ledger.contact_of` would one after the other."""
    found: dict[int, Contact | None] = {}
    for tenant_id in sorted({record.scope.tenant_id for record in records}):
        mine = [(place, record) for place, record in enumerate(records) if record.scope.tenant_id == tenant_id]
        batch = _Batch(connection, ledger, tenant_id)
        await batch.read([record for _, record in mine])
        await batch.lock([record for _, record in mine])
        for place, record in mine:
            found[place] = await batch.contact_of(record)
        await batch.write()
    return [found[place] for place in range(len(records))]


class _Batch:
    """What is known of one tenant's contacts, in one transaction."""

    def __init__(self, connection: AsyncConnection, ledger: Ledger, tenant_id: str) -> None:
        self._connection = connection
        self._ledger = ledger
        self._tenant_id = tenant_id
        self._by_key: dict[ContactKey, Contact] = {}
        self._by_session: dict[str, Contact] = {}
        self._new: list[tuple[Scope, Contact, list[Statement]]] = []

    async def read(self, records: Sequence[NewRecord]) -> None:
        """Read whom the records may belong to."""
        wanted = {key for record in records for key in keys(record.customer)}
        values = {kind: {key.value for key in wanted if key.kind == kind} for kind in ("contact_id", "customer_id")}
        numbers = {key.value for key in wanted if key.kind == "phone"}
        by_phone = await contact_rows.first_with_phones(self._connection, self._tenant_id, numbers) if numbers else {}
        ids = set(by_phone.values())
        if values["contact_id"] or values["customer_id"]:
            ids.update(await contact_rows.with_ids(self._connection, self._tenant_id, *values.values()))
        sessions = {record.scope.session_id for record in records if record.scope.session_id}
        by_session = await self._sessions(sessions) if sessions else {}
        known = await contact_rows.find_many(self._connection, {self._tenant_id}, ids | set(by_session.values()))
        for contact in known.values():
            self._note(contact, phones=False)
        self._by_key |= {ContactKey("phone", phone): known[contact_id] for phone, contact_id in by_phone.items()}
        self._by_session = {session: known[one] for session, one in by_session.items() if one in known}

    async def lock(self, records: Sequence[NewRecord]) -> None:
        """Hold those that something new is said of, all at once: one by one, two batches could wait for each other."""
        found = [(record, contact) for record in records if (contact := self._find(record)) is not None]
        wanted = {contact.contact_id for record, contact in found if said(record, contact)}
        await contact_rows.lock(self._connection, self._tenant_id, wanted)

    async def _sessions(self, sessions: set[str]) -> dict[str, str]:
        first = (
            sa.select(sa.func.min(table.c.sequence))
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.session_id.in_(sessions),
                table.c.contact_id.is_not(None),
            )
            .group_by(table.c.session_id)
        )
        statement = sa.select(table.c.session_id, table.c.contact_id).where(table.c.sequence.in_(first))
        rows = (await self._connection.execute(statement)).all()
        return {row.session_id: row.contact_id for row in rows}

    async def contact_of(self, record: NewRecord) -> Contact | None:
        """Return a record's contact; a new one is written by `write`."""
        known = self._find(record)
        if known is None:
            return self._begin(record) if record.customer.known else None
        if not said(record, known):
            return known
        # What counts of it is for the ledger to decide; it must find those that are new.
        await self.write()
        changed = await self._ledger.contact_of(self._connection, record)
        if changed is not None:
            await self._replace(known, changed)
        return changed

    async def write(self) -> None:
        """Write the new ones."""
        new, self._new = self._new, []
        await contact_rows.insert_many(self._connection, [(scope, contact) for scope, contact, _ in new])
        await self._ledger.statements.begin(self._connection, new)

    def _find(self, record: NewRecord) -> Contact | None:
        for key in keys(record.customer):
            contact = self._by_key.get(key)
            if contact is not None and not (key.kind == "phone" and differ(contact, record.customer)):
                return contact
        contact = self._by_session.get(record.scope.session_id)
        return None if contact is None or differ(contact, record.customer) else contact

    def _begin(self, record: NewRecord) -> Contact:
        new = contact_rows.begun(record.scope, filled(Contact(new_event_id()), record.customer))
        self._new.append((record.scope, new, said(record, None)))
        self._note(new, phones=True)
        return new

    def _note(self, contact: Contact, *, phones: bool) -> None:
        for key in contact.keys:
            # Of several with one number the oldest is found: never the one that is new.
            if key.kind != "phone" or (phones and key not in self._by_key):
                self._by_key[key] = contact

    async def _replace(self, before: Contact, after: Contact) -> None:
        self._by_key.update({key: after for key, contact in self._by_key.items() if contact is before})
        self._by_session.update({key: after for key, contact in self._by_session.items() if contact is before})
        self._note(after, phones=False)
        # With a number it did not have it may come before one that had it.
        by_id = {contact.contact_id: contact for contact in self._by_key.values()}
        found = await contact_rows.first_with_phones(self._connection, self._tenant_id, after.phones)
        self._by_key |= {ContactKey("phone", phone): by_id[one] for phone, one in found.items() if one in by_id}
