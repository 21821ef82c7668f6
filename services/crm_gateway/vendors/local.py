"""The embedded business system: its own table in the gateway's database, seen by `voicemesh crm list`."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import insert_once
from services.crm_gateway.adapters.tables import records
from services.crm_gateway.model import Contact, NewRecord, Unit


class LocalCrm:
    """An `EmbeddedVendor`: it writes in the gateway's transaction: a record and its announcement are there together."""

    name = "local"

    async def write(self, record: NewRecord, contact: Contact | None, unit: Unit) -> str:
        """Write a record, once an event; end the open record it closes."""
        if not isinstance(unit, AsyncConnection):
            raise TypeError("the local CRM writes in the gateway's transaction only")
        contact_id = contact.contact_id if contact else None
        values = {
            "record_id": record.record_id,
            "tenant_id": record.scope.tenant_id,
            "region": record.scope.region,
            "correlation_id": record.scope.correlation_id,
            "language": record.scope.language,
            "session_id": record.scope.session_id,
            "turn_id": record.turn_id,
            "contact_id": contact_id,
            "kind": record.kind,
            "state": record.state,
            "is_open": record.open,
            "title": record.title,
            "fields": dict(record.fields),
            "event_id": record.event_id,
            "confidence": record.confidence,
            "occurred_at": record.occurred_at,
            "created_at": datetime.now(UTC),
        }
        written = await insert_once(unit, records, values, unique=["tenant_id", "event_id"])
        if written and record.closes and contact_id is not None:
            await _close(unit, record, contact_id)
        return record.record_id


async def _close(unit: AsyncConnection, record: NewRecord, contact_id: str) -> None:
    """End the contact's newest open record of the kind, other than the new one."""
    newest = (
        sa.select(sa.func.max(records.c.sequence))
        .where(
            records.c.tenant_id == record.scope.tenant_id,
            records.c.contact_id == contact_id,
            records.c.kind == record.closes,
            records.c.is_open.is_(True),
            records.c.record_id != record.record_id,
        )
        .scalar_subquery()
    )
    await unit.execute(records.update().where(records.c.sequence == newest).values(is_open=False))
