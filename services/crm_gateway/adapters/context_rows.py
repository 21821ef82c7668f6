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


# Made once: making a statement takes longer than the database does to answer it.
_TENANT: sa.BindParameter[str] = sa.bindparam("tenant_id", type_=sa.String)
_CONTACT: sa.BindParameter[str] = sa.bindparam("contact_id", type_=sa.String)
_MINE = (records.c.tenant_id == _TENANT, records.c.contact_id == _CONTACT)
_CALLS = (*_MINE, records.c.kind == INTERACTION)


def _of_last(column: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    return sa.select(column).where(*_CALLS).order_by(records.c.sequence.desc()).limit(1).scalar_subquery()


def _there_is(*conditions: sa.ColumnElement[bool]) -> sa.Exists:
    return sa.exists(sa.select(records.c.sequence).where(*_MINE, *conditions))


_HISTORY = sa.select(
    sa.select(sa.func.count()).where(*_CALLS).scalar_subquery().label("count_"),
    sa.select(sa.func.min(records.c.occurred_at)).where(*_CALLS).scalar_subquery().label("first_at"),
    _of_last(records.c.title).label("title"),
    _of_last(records.c.fields).label("fields"),
    _of_last(records.c.occurred_at).label("last_at"),
    _there_is(records.c.kind == OPT_OUT).label("opted_out"),
    _there_is(records.c.kind == _INQUIRY).label("inquired"),
    _there_is(
        records.c.kind.not_in((INTERACTION, OPT_OUT, _INQUIRY)),
        records.c.is_open.is_(False),
        records.c.state == RecordState.APPLIED,
    ).label("done"),
)
_TOLD_BY_OTHERS = sa.exists(
    sa.select(items.c.item_id).where(items.c.tenant_id == _TENANT, items.c.record_id == records.c.record_id)
)
_OPEN_RECORDS = (
    sa.select(records.c.record_id, records.c.kind, records.c.title, records.c.state, records.c.occurred_at)
    .where(*_MINE, records.c.is_open.is_(True), records.c.state != RecordState.REJECTED, ~_TOLD_BY_OTHERS)
    .order_by(records.c.sequence.desc())
    .limit(_OPEN_ITEMS)
)
_KNOWN_AS = (links.c.tenant_id == _TENANT, links.c.contact_id == _CONTACT, links.c.gone.is_(False))
_LINKS = (
    sa.select(links.c.vendor, links.c.vendor_contact_id, links.c.stage, links.c.suppressed, links.c.changed_at)
    .where(*_KNOWN_AS)
    .order_by(links.c.vendor, links.c.vendor_contact_id)
)
_OF_LINK = (
    items.c.tenant_id == links.c.tenant_id,
    items.c.vendor == links.c.vendor,
    items.c.vendor_contact_id == links.c.vendor_contact_id,
)
_ITEMS = (
    sa.select(items)
    .join(links, sa.and_(*_OF_LINK))
    .where(*_KNOWN_AS, items.c.gone.is_(False))
    .order_by(items.c.is_open.desc(), items.c.changed_at.desc(), items.c.item_id)
    .limit(_OPEN_ITEMS)
)
_NAMES: sa.BindParameter[list[tuple[str, str]]] = sa.bindparam("names", expanding=True)
_CONSENTS = (
    sa.select(consents.c.channel, consents.c.purpose, consents.c.state, consents.c.changed_at)
    .where(consents.c.tenant_id == _TENANT, sa.tuple_(consents.c.key_kind, consents.c.key_value).in_(_NAMES))
    .order_by(consents.c.changed_at, consents.c.event_id)
)


async def history(connection: AsyncConnection, tenant_id: str, contact_id: str) -> sa.Row[Any]:
    """Return what calls left behind in a row: how many there were, the last of them, and what else there is."""
    return (await connection.execute(_HISTORY, {"tenant_id": tenant_id, "contact_id": contact_id})).one()


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
    rows = await connection.execute(_OPEN_RECORDS, {"tenant_id": tenant_id, "contact_id": contact_id})
    return tuple(
        OpenItem(row.record_id, row.kind, row.title, _STATES[RecordState(row.state)], changed_at=row.occurred_at)
        for row in rows
    )


async def vendor_links(connection: AsyncConnection, tenant_id: str, contact_id: str) -> tuple[VendorLink, ...]:
    """Return who the contact is in the business systems."""
    rows = await connection.execute(_LINKS, {"tenant_id": tenant_id, "contact_id": contact_id})
    return tuple(VendorLink(*row) for row in rows)


async def vendor_items(
    connection: AsyncConnection, tenant_id: str, contact_id: str
) -> tuple[tuple[OpenItem, ...], bool]:
    """Return the business systems' open items of a contact, the newest first, and whether there are closed ones."""
    rows = (await connection.execute(_ITEMS, {"tenant_id": tenant_id, "contact_id": contact_id})).all()
    found = tuple(
        OpenItem(row.item_id, row.kind, row.title, row.state, row.vendor, row.amount, row.currency, row.changed_at)
        for row in rows
        if row.is_open
    )
    return found, len(found) < len(rows)


async def consents_of(connection: AsyncConnection, tenant_id: str, keys: Collection[ContactKey]) -> tuple[Consent, ...]:
    """Return the last word on each consent of a customer with these names."""
    names = [(key.kind, key.value) for key in keys]
    rows = await connection.execute(_CONSENTS, {"tenant_id": tenant_id, "names": names})
    newest = {(row.channel, row.purpose): Consent(*row) for row in rows}
    return tuple(newest[key] for key in sorted(newest))
