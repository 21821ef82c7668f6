"""Corrections in the transaction of whoever makes them: the local records, the queue of each vendor, the event."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.database import insert_once
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.conflict_tables import corrections as table
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.sync_tables import links
from services.crm_gateway.adapters.tables import deliveries, records
from services.crm_gateway.conflicts import metrics
from services.crm_gateway.corrections.events import contact_corrected, record_corrected
from services.crm_gateway.corrections.model import (
    CONTACT,
    FIELDS,
    LOCAL,
    Correction,
    changed_fields,
    contact_delivery,
    put_right,
    record_delivery,
)
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import Contact, ContactKey, NewRecord, RecordState, Scope

_HELD = (DeliveryState.WAITING, DeliveryState.WRITTEN, DeliveryState.DEAD)
"""States of deliveries whose business system has, or may have, or will get what they say."""
_records = TypeAdapter(NewRecord)


class Corrections:
    """Tells every business system what was wrong there, once each, in the order of the contact."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def correct_record(
        self, connection: AsyncConnection, wrong: NewRecord, right: NewRecord, correction: Correction
    ) -> list[str]:
        """Put right what an event became, wherever it was written; return the business systems that had it wrong.

        What waits to be written is changed where it waits; what was written, or may have been, is changed by a delivery
        of its own behind it. The mesh's own record changes at once. Drafts are their reviewers' and stay as they are.
        Call `Outbox.wake`, or use `Outbox.transaction`. The same correction again changes nothing.

        Args:
            wrong: the record as it was written.
            right: as it should have been, of the same event.

        Raises:
            ValueError: they are not of the same event.
        """
        if wrong.event_id != right.event_id or wrong.scope.tenant_id != right.scope.tenant_id:
            raise ValueError("a record is put right by one of the same event")
        names = tuple(changed_fields(wrong, right))
        contact_id, told = None, []
        if not await self._first(connection, right.scope, correction, right.event_id, names):
            return await self._told(connection, right.scope, correction)
        local = await self._correct_local(connection, wrong, right)
        if local is not None:
            contact_id, told = local.contact_id, [LOCAL]
        for row in await _rows_of(connection, right):
            contact_id = contact_id or row.contact_id
            if await self._correct_row(connection, row, wrong, right, correction):
                told.append(row.vendor)
        contact = await _contact(connection, right.scope, contact_id)
        await self._note(connection, right.scope, correction, contact, told)
        for vendor in told:
            metrics.CORRECTIONS.labels(right.kind, vendor).inc()
        await self._outbox.add(connection, record_corrected(right, contact, correction, names, told))
        return told

    async def correct_contact(
        self, connection: AsyncConnection, scope: Scope, contact: Contact, names: Sequence[str], correction: Correction
    ) -> list[str]:
        """Tell every business system that has a contact what is right of it; return them.

        Those have it that a record of it was queued for, and those that were heard of it from. They are told what the
        contact is when they are told, so that a correction that is overtaken does no harm.

        Args:
            contact: as it is now.
            names: the fields that were wrong; those that business systems do not hold are left out.
        """
        names = tuple(name for name in FIELDS if name in names)
        if not names:
            return []
        if not await self._first(connection, scope, correction, "", names):
            return await self._told(connection, scope, correction)
        holders = await _holders(connection, scope.tenant_id, contact.contact_id)
        for vendor, identifier in holders.items():
            record = contact_delivery(scope, contact, names, correction, identifier or contact.contact_id)
            await self._queue(vendor).add(connection, record, contact, telemetry.inject())
        told = list(holders)
        await self._note(connection, scope, correction, contact, told)
        for vendor in told:
            metrics.CORRECTIONS.labels(CONTACT, vendor).inc()
        await self._outbox.add(connection, contact_corrected(scope, contact, correction, names, told))
        return told

    async def _correct_local(
        self, connection: AsyncConnection, wrong: NewRecord, right: NewRecord
    ) -> sa.Row[Any] | None:
        mine = sa.and_(
            records.c.tenant_id == right.scope.tenant_id,
            records.c.event_id == right.event_id,
            records.c.state == RecordState.APPLIED,
        )
        row = (await connection.execute(sa.select(records).where(mine))).first()
        if row is None:
            return None
        held = replace(wrong, kind=row.kind, title=row.title, fields=dict(row.fields))
        new = put_right(held, wrong, right)
        if new == held:
            return None
        values = {"title": new.title, "fields": dict(new.fields)}
        await connection.execute(records.update().where(mine).values(**values))
        return row

    async def _correct_row(
        self,
        connection: AsyncConnection,
        row: sa.Row[Any],
        wrong: NewRecord,
        right: NewRecord,
        correction: Correction,
    ) -> bool:
        held = _records.validate_python(row.record)
        new = put_right(held, wrong, right)
        if new == held:
            return False
        if row.state != DeliveryState.WRITTEN:
            changed = deliveries.update().where(deliveries.c.sequence == row.sequence)
            await connection.execute(changed.values(record=_records.dump_python(new, mode="json")))
        if row.begun_at is None:
            return True
        record = record_delivery(new, correction, row.vendor_record_id or held.record_id)
        contact = await _contact(connection, right.scope, row.contact_id)
        await self._queue(row.vendor).add(connection, record, contact, telemetry.inject())
        # Of a record nobody is known of: behind the record, not beside it.
        mine = sa.and_(
            deliveries.c.tenant_id == row.tenant_id,
            deliveries.c.vendor == row.vendor,
            deliveries.c.event_id == correction.correction_id,
        )
        await connection.execute(deliveries.update().where(mine).values(order_key=row.order_key))
        return True

    def _queue(self, vendor: str) -> Deliveries:
        return Deliveries(self._outbox, vendor)

    async def _first(
        self, connection: AsyncConnection, scope: Scope, correction: Correction, event_id: str, names: Sequence[str]
    ) -> bool:
        row = {
            "tenant_id": scope.tenant_id,
            "correction_id": correction.correction_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "contact_id": None,
            "event_id": event_id,
            "fields": list(names),
            "vendors": [],
            "corrected_by": correction.by,
            "reason": correction.reason,
            "corrected_at": correction.at,
        }
        return await insert_once(connection, table, row, unique=["tenant_id", "correction_id"])

    async def _note(
        self,
        connection: AsyncConnection,
        scope: Scope,
        correction: Correction,
        contact: Contact | None,
        told: Sequence[str],
    ) -> None:
        values = {"contact_id": contact.contact_id if contact else None, "vendors": list(told)}
        await connection.execute(table.update().where(_own(scope, correction)).values(**values))

    async def _told(self, connection: AsyncConnection, scope: Scope, correction: Correction) -> list[str]:
        return list((await connection.execute(sa.select(table.c.vendors).where(_own(scope, correction)))).scalar_one())


def _own(scope: Scope, correction: Correction) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tenant_id == scope.tenant_id, table.c.correction_id == correction.correction_id)


async def _contact(connection: AsyncConnection, scope: Scope, contact_id: str | None) -> Contact | None:
    if contact_id is None:
        return None
    return await contact_rows.find(connection, scope.tenant_id, ContactKey("contact_id", contact_id))


async def _rows_of(connection: AsyncConnection, record: NewRecord) -> Sequence[sa.Row[Any]]:
    """Return the deliveries of an event; a worker that claims one of them at this moment is waited for."""
    statement = (
        sa.select(deliveries)
        .where(
            deliveries.c.tenant_id == record.scope.tenant_id,
            deliveries.c.event_id == record.event_id,
            deliveries.c.state.in_(_HELD),
        )
        .order_by(deliveries.c.vendor)
        .with_for_update()
    )
    return (await connection.execute(statement)).all()


async def _holders(connection: AsyncConnection, tenant_id: str, contact_id: str) -> dict[str, str]:
    """Return the business systems that have a contact, with its id there; empty: that is not known here."""
    queued = (
        sa.select(deliveries.c.vendor)
        .where(
            deliveries.c.tenant_id == tenant_id,
            deliveries.c.contact_id == contact_id,
            deliveries.c.state.in_(_HELD),
        )
        .distinct()
    )
    heard = sa.select(links.c.vendor, links.c.vendor_contact_id).where(
        links.c.tenant_id == tenant_id, links.c.contact_id == contact_id, links.c.gone.is_(False)
    )
    holders = dict.fromkeys((await connection.execute(queued)).scalars(), "")
    holders |= {row.vendor: row.vendor_contact_id for row in (await connection.execute(heard)).all()}
    return dict(sorted(holders.items()))
