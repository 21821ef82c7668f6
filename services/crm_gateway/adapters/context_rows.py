"""What is known of a caller beside the contact, as a few statements: nothing here asks a business system."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.crm_gateway.adapters.sync_tables import consents, items, links
from services.crm_gateway.adapters.tables import records
from services.crm_gateway.canonical import Consent, PriorInteractions, VendorLink
from services.crm_gateway.model import INTERACTION, OPT_OUT, ContactKey, OpenItem, RecordState

_OPEN_ITEMS = 10
_INQUIRY = "order_inquiry"
_STATES = {RecordState.DRAFT: "draft", RecordState.REVIEWED: "reviewed", RecordState.APPLIED: "open"}


async def history(connection: AsyncConnection, tenant_id: str, contact_id: str) -> sa.Row[Any]:
    """Return what calls left behind in a row: how many there were, the last of them, and what else there is."""
    mine = (records.c.tenant_id == tenant_id, records.c.contact_id == contact_id)
    calls = (*mine, records.c.kind == INTERACTION)

    def of_last(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        return sa.select(column).where(*calls).order_by(records.c.sequence.desc()).limit(1).scalar_subquery()

    def there_is(*conditions: sa.ColumnElement[bool]) -> sa.Exists:
        return sa.exists(sa.select(records.c.sequence).where(*mine, *conditions))

    action = records.c.kind.not_in((INTERACTION, OPT_OUT, _INQUIRY))
    over = (action, records.c.is_open.is_(False), records.c.state == RecordState.APPLIED)
    statement = sa.select(
        sa.select(sa.func.count()).where(*calls).scalar_subquery().label("count_"),
        sa.select(sa.func.min(records.c.occurred_at)).where(*calls).scalar_subquery().label("first_at"),
        of_last(records.c.title).label("title"),
        of_last(records.c.fields).label("fields"),
        of_last(records.c.occurred_at).label("last_at"),
        there_is(records.c.kind == OPT_OUT).label("opted_out"),
        there_is(records.c.kind == _INQUIRY).label("inquired"),
        there_is(*over).label("done"),
    )
    return (await connection.execute(statement)).one()


def prior(row: sa.Row[Any]) -> PriorInteractions:
    """Return what came before, of a row of `history`."""
    fields: Mapping[str, str] = row.fields or {}
    return PriorInteractions(
        count=row.count_,
        first_at=row.first_at,
        last_at=row.last_at,
        summary=row.title or "",
        disposition=fields.get("disposition", ""),
        intents=tuple(intent for intent in fields.get("intents", "").split(", ") if intent),
        sentiment=_number(fields.get("sentiment", "")),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


async def open_records(connection: AsyncConnection, tenant_id: str, contact_id: str) -> tuple[OpenItem, ...]:
    """Return our own open records, the newest first; not those that a business system holds and tells of itself."""
    told = sa.select(items.c.item_id).where(items.c.tenant_id == tenant_id, items.c.record_id == records.c.record_id)
    statement = (
        sa.select(records.c.record_id, records.c.kind, records.c.title, records.c.state, records.c.occurred_at)
        .where(
            records.c.tenant_id == tenant_id,
            records.c.contact_id == contact_id,
            records.c.is_open.is_(True),
            records.c.state != RecordState.REJECTED,
            ~sa.exists(told),
        )
        .order_by(records.c.sequence.desc())
        .limit(_OPEN_ITEMS)
    )
    return tuple(
        OpenItem(row.record_id, row.kind, row.title, _STATES[RecordState(row.state)], changed_at=row.occurred_at)
        for row in await connection.execute(statement)
    )


async def vendor_links(connection: AsyncConnection, tenant_id: str, contact_id: str) -> tuple[VendorLink, ...]:
    """Return who the contact is in the business systems."""
    statement = (
        sa.select(links.c.vendor, links.c.vendor_contact_id, links.c.stage, links.c.suppressed, links.c.changed_at)
        .where(links.c.tenant_id == tenant_id, links.c.contact_id == contact_id, links.c.gone.is_(False))
        .order_by(links.c.vendor, links.c.vendor_contact_id)
    )
    return tuple(VendorLink(*row) for row in await connection.execute(statement))


async def vendor_items(
    connection: AsyncConnection, tenant_id: str, known_as: Collection[VendorLink]
) -> tuple[tuple[OpenItem, ...], bool]:
    """Return the business systems' open items of a contact, the newest first, and whether there are closed ones."""
    if not known_as:
        return (), False
    theirs = sa.tuple_(items.c.vendor, items.c.vendor_contact_id)
    statement = (
        sa.select(items)
        .where(
            items.c.tenant_id == tenant_id,
            theirs.in_([(link.vendor, link.vendor_contact_id) for link in known_as]),
            items.c.gone.is_(False),
        )
        .order_by(items.c.is_open.desc(), items.c.changed_at.desc(), items.c.item_id)
        .limit(_OPEN_ITEMS)
    )
    rows = (await connection.execute(statement)).all()
    found = tuple(
        OpenItem(row.item_id, row.kind, row.title, row.state, row.vendor, row.amount, row.currency, row.changed_at)
        for row in rows
        if row.is_open
    )
    return found, len(found) < len(rows)


async def consents_of(connection: AsyncConnection, tenant_id: str, keys: Collection[ContactKey]) -> tuple[Consent, ...]:
    """Return the last word on each consent of a customer with these names."""
    if not keys:
        return ()
    named = sa.tuple_(consents.c.key_kind, consents.c.key_value).in_([(key.kind, key.value) for key in keys])
    statement = (
        sa.select(consents.c.channel, consents.c.purpose, consents.c.state, consents.c.changed_at)
        .where(consents.c.tenant_id == tenant_id, named)
        .order_by(consents.c.changed_at, consents.c.event_id)
    )
    newest = {(row.channel, row.purpose): Consent(*row) for row in await connection.execute(statement)}
    return tuple(newest[key] for key in sorted(newest))
