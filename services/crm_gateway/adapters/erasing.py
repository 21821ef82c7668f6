"""Forgetting contacts in the gateway's own tables: one transaction for all of them.

Rows that count things stay - that there was a call, when, of which kind - without anything of the person. What the
business systems themselves hold is theirs to erase: how much that is, is counted.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.crm_gateway.adapters.conflict_tables import conflicts, corrections, sightings, statements
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.adapters.sync_tables import consents, items, links
from services.crm_gateway.adapters.tables import contacts, deliveries, emails, outbox, phones, records
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import Customer, RecordState
from services.crm_gateway.privacy.model import Subject

ERASED = "[erased]"
_OPEN = (DeliveryState.WAITING, DeliveryState.DRAFT, DeliveryState.DEAD)


async def erase(connection: AsyncConnection, tenant_id: str, subject: Subject) -> dict[str, int]:
    """Forget contacts; return how much of what was erased. Done again it finds nothing more."""
    who = subject.contact_ids
    counts = await _left(connection, tenant_id, who)
    counts["events"] = await _events(connection, tenant_id, who)
    counts["records"] = await _records(connection, tenant_id, who)
    counts["deliveries"] = await _deliveries(connection, tenant_id, who)
    counts["drafts"] = await _drafts(connection, tenant_id, who)
    counts["vendor_links"] = await _links(connection, tenant_id, who)
    for name, table in (("statements", statements), ("conflicts", conflicts), ("corrections", corrections)):
        counts[name] = await _delete(connection, table, table.c.tenant_id == tenant_id, table.c.contact_id.in_(who))
    await _delete(connection, sightings, sightings.c.tenant_id == tenant_id, sightings.c.contact_id.in_(who))
    counts["consents"] = await _consents(connection, tenant_id, subject)
    counts["contacts"] = await _contacts(connection, tenant_id, who)
    return counts


async def count(connection: AsyncConnection, tenant_id: str, subject: Subject) -> dict[str, int]:
    """Count what `erase` would find."""
    counts = await _left(connection, tenant_id, subject.contact_ids)
    tables = (
        *(("contacts", contacts), ("records", records), ("deliveries", deliveries), ("drafts", drafts)),
        *(("vendor_links", links), ("statements", statements), ("conflicts", conflicts), ("corrections", corrections)),
    )
    for name, table in tables:
        mine = (table.c.tenant_id == tenant_id, table.c.contact_id.in_(subject.contact_ids))
        counts[name] = await connection.scalar(sa.select(sa.func.count()).select_from(table).where(*mine)) or 0
    return counts


async def _left(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> dict[str, int]:
    """How many records other business systems hold, or may hold, of the contacts."""
    mine = (deliveries.c.tenant_id == tenant_id, deliveries.c.contact_id.in_(who))
    query = (
        sa.select(deliveries.c.vendor, sa.func.count())
        .where(*mine, sa.or_(deliveries.c.begun_at.is_not(None), deliveries.c.vendor_record_id != ""))
        .group_by(deliveries.c.vendor)
    )
    return {f"kept_at_{vendor}": number for vendor, number in (await connection.execute(query)).all()}


async def _events(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    """Delete the events of the contacts' calls that were published; those that wait go when they are."""
    calls: set[str] = set()
    for table in (records, deliveries, drafts):
        query = sa.select(table.c.correlation_id).where(table.c.tenant_id == tenant_id, table.c.contact_id.in_(who))
        calls.update((await connection.execute(query.distinct())).scalars())
    published = outbox.c.published_at.is_not(None)
    return await _delete(
        connection, outbox, outbox.c.tenant_id == tenant_id, outbox.c.correlation_id.in_(calls), published
    )


async def _records(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    statement = (
        records.update()
        .where(records.c.tenant_id == tenant_id, records.c.contact_id.in_(who), records.c.title != ERASED)
        .values(title=ERASED, fields={}, is_open=False)
    )
    return (await connection.execute(statement)).rowcount


def _nobody_s(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's document with nothing of a person in it."""
    return {**record, "customer": asdict(Customer()), "title": ERASED, "fields": {}, "escrow": None}


async def _deliveries(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    mine = (deliveries.c.tenant_id == tenant_id, deliveries.c.contact_id.in_(who))
    query = sa.select(deliveries.c.sequence, deliveries.c.state, deliveries.c.record).where(*mine)
    count = 0
    # In the order in which results are written down: neither then waits for the other.
    for row in (await connection.execute(query.order_by(deliveries.c.sequence).with_for_update())).all():
        if row.record.get("title") == ERASED:
            continue
        state = DeliveryState.DROPPED if row.state in _OPEN else row.state
        statement = deliveries.update().where(deliveries.c.sequence == row.sequence)
        values = {
            "record": _nobody_s(row.record),
            "state": state,
            "vendor_record_id": "",
            "last_error": "",
            "trace": {},
            # Nobody compares what is left with what a business system has.
            "stripped": True,
        }
        await connection.execute(statement.values(**values))
        count += 1
    return count


async def _drafts(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    mine = (drafts.c.tenant_id == tenant_id, drafts.c.contact_id.in_(who))
    query = sa.select(drafts.c.sequence, drafts.c.state, drafts.c.record).where(*mine)
    count = 0
    for row in (await connection.execute(query.order_by(drafts.c.sequence).with_for_update())).all():
        if row.record.get("title") == ERASED:
            continue
        waits = row.state in {RecordState.DRAFT, RecordState.REVIEWED}
        values = {
            "record": _nobody_s(row.record),
            "transcript_reference": "",
            "transcript": {},
            "audio": {},
            "trace": {},
            "state": RecordState.REJECTED if waits else row.state,
        }
        await connection.execute(drafts.update().where(drafts.c.sequence == row.sequence).values(**values))
        steps = draft_steps.update().where(draft_steps.c.draft == row.sequence)
        await connection.execute(steps.values(changes=[], note=""))
        count += 1
    return count


async def _links(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    """Forget which contacts they are at business systems, and what those have of them."""
    mine = (links.c.tenant_id == tenant_id, links.c.contact_id.in_(who))
    query = sa.select(links.c.vendor, links.c.vendor_contact_id).where(*mine)
    for vendor, vendor_contact_id in (await connection.execute(query)).all():
        await _delete(
            connection,
            items,
            items.c.tenant_id == tenant_id,
            items.c.vendor == vendor,
            items.c.vendor_contact_id == vendor_contact_id,
        )
    return await _delete(connection, links, *mine)


async def _consents(connection: AsyncConnection, tenant_id: str, subject: Subject) -> int:
    """Forget what was allowed. What was refused stays, by its key: else the next call would not know of it."""
    names = [("contact_id", subject.contact_ids), ("customer_id", subject.customer_ids), ("phone", subject.phones)]
    theirs = [sa.and_(consents.c.key_kind == kind, consents.c.key_value.in_(values)) for kind, values in names]
    return await _delete(
        connection, consents, consents.c.tenant_id == tenant_id, consents.c.state == "granted", sa.or_(*theirs)
    )


async def _contacts(connection: AsyncConnection, tenant_id: str, who: Collection[str]) -> int:
    named = await connection.execute(
        contacts.update()
        .where(contacts.c.tenant_id == tenant_id, contacts.c.contact_id.in_(who))
        .values(customer_id=None, display_name="", version=contacts.c.version + 1)
    )
    for table in (phones, emails):
        await _delete(connection, table, table.c.tenant_id == tenant_id, table.c.contact_id.in_(who))
    return named.rowcount


async def _delete(connection: AsyncConnection, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
    return (await connection.execute(table.delete().where(*which))).rowcount
