"""The embedded business system: its own table in the gateway's database, seen by `voicemesh crm list`."""

from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import insert_once
from services.crm_gateway.adapters.tables import records
from services.crm_gateway.closing import Line, ended_by
from services.crm_gateway.model import Contact, NewRecord, RecordState, Unit


class LocalCrm:
    """An `EmbeddedVendor`: it writes in the gateway's transaction: a record and its announcement are there together."""

    name = "local"

    async def write(self, record: NewRecord, contact: Contact | None, unit: Unit) -> str:
        """Write a record, once an event; end the open record it closes. A draft ends nothing until it is applied."""
        connection = _connection(unit)
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
            "opened": record.open,
            "closes": record.closes,
            "title": record.title,
            "fields": dict(record.fields),
            "event_id": record.event_id,
            "confidence": record.confidence,
            "occurred_at": record.occurred_at,
            "created_at": datetime.now(UTC),
        }
        written = await insert_once(connection, records, values, unique=["tenant_id", "event_id"])
        if written and record.state is RecordState.APPLIED:
            await _close(connection, record)
        return record.record_id

    async def apply(self, record: NewRecord, unit: Unit) -> bool:
        """Make a draft a record, in its place among its contact's; False when it is no draft (any more).

        What is open afterwards is what would be, had it been a record at once.
        """
        values: dict[str, object] = {
            "state": RecordState.APPLIED,
            "closes": record.closes,
            "title": record.title,
            "fields": dict(record.fields),
        }
        changed = await _change_draft(_connection(unit), record, values)
        if changed:
            for kind in sorted({record.kind, record.closes} - {""}):
                await _end_anew(_connection(unit), record, kind)
        return changed

    async def reject(self, record: NewRecord, unit: Unit) -> bool:
        """Turn a draft down; False when it is no draft (any more)."""
        return await _change_draft(_connection(unit), record, {"state": RecordState.REJECTED, "is_open": False})


def _connection(unit: Unit) -> AsyncConnection:
    if not isinstance(unit, AsyncConnection):
        raise TypeError("the local CRM writes in the gateway's transaction only")
    return unit


async def _change_draft(connection: AsyncConnection, record: NewRecord, values: Mapping[str, object]) -> bool:
    statement = (
        records.update()
        .where(
            records.c.tenant_id == record.scope.tenant_id,
            records.c.record_id == record.record_id,
            records.c.state == RecordState.DRAFT,
        )
        .values(**values)
        .returning(records.c.sequence)
    )
    return (await connection.execute(statement)).first() is not None


async def _close(connection: AsyncConnection, record: NewRecord) -> None:
    """End the contact's newest open record of the kind, other than the new one; drafts of it are shown no more."""
    if not record.closes:
        return
    contact_id = await _contact_id(connection, record)
    if contact_id is None:
        return
    earlier = sa.and_(
        records.c.tenant_id == record.scope.tenant_id,
        records.c.contact_id == contact_id,
        records.c.kind == record.closes,
        records.c.is_open.is_(True),
        records.c.record_id != record.record_id,
    )
    newest = sa.select(sa.func.max(records.c.sequence)).where(earlier, records.c.state == RecordState.APPLIED)
    which = sa.or_(records.c.sequence == newest.scalar_subquery(), records.c.state == RecordState.DRAFT)
    values = {"is_open": False, "closed_by": record.record_id}
    await connection.execute(records.update().where(earlier, which).values(**values))


async def _end_anew(connection: AsyncConnection, record: NewRecord, kind: str) -> None:
    """Say anew which of the contact's records of a kind are ended by which: one has come in between."""
    contact_id = await _contact_id(connection, record)
    if contact_id is None:
        return
    statement = (
        sa.select(records)
        .where(
            records.c.tenant_id == record.scope.tenant_id,
            records.c.contact_id == contact_id,
            records.c.state == RecordState.APPLIED,
            sa.or_(records.c.kind == kind, records.c.closes == kind),
        )
        .order_by(records.c.sequence)
        .with_for_update()
    )
    rows = (await connection.execute(statement)).all()
    # What was ended by no record, but by hand, stays so.
    opening = {row.record_id: row for row in rows if row.kind == kind and row.opened and (row.is_open or row.closed_by)}
    ended = ended_by(Line(row.record_id, row.record_id in opening, row.closes == kind) for row in rows)
    for record_id, row in opening.items():
        by = ended.get(record_id)
        if row.closed_by != by:
            here = records.update().where(
                records.c.tenant_id == record.scope.tenant_id, records.c.record_id == record_id
            )
            await connection.execute(here.values(is_open=by is None, closed_by=by))


async def _contact_id(connection: AsyncConnection, record: NewRecord) -> str | None:
    own = sa.select(records.c.contact_id).where(
        records.c.tenant_id == record.scope.tenant_id, records.c.record_id == record.record_id
    )
    return (await connection.execute(own)).scalar_one()  # type: ignore[no-any-return]
