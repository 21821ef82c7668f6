"""What business systems say, as rows: links of contacts, and items. All inside the caller's transaction."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import upsert
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.sync_tables import items, links
from services.crm_gateway.model import Contact, ContactKey, Scope
from services.crm_gateway.sync_in.model import VendorContact, VendorItem, place_of


async def link_of(
    connection: AsyncConnection, tenant_id: str, vendor: str, vendor_contact_id: str
) -> sa.Row[Any] | None:
    """Return the row of a business system's contact."""
    statement = sa.select(links).where(
        links.c.tenant_id == tenant_id, links.c.vendor == vendor, links.c.vendor_contact_id == vendor_contact_id
    )
    return (await connection.execute(statement)).first()


async def item_of(connection: AsyncConnection, tenant_id: str, vendor: str, item: VendorItem) -> sa.Row[Any] | None:
    """Return the row of an item as it was known."""
    statement = sa.select(items).where(
        items.c.tenant_id == tenant_id,
        items.c.vendor == vendor,
        items.c.kind == item.kind,
        items.c.item_id == item.item_id,
    )
    return (await connection.execute(statement)).first()


def is_news(row: sa.Row[Any] | None, change: VendorContact | VendorItem) -> bool:
    """Say whether a change is newer than what is known."""
    return row is None or place_of(change) > (row.changed_at, row.revision)


async def contact_linked(
    connection: AsyncConnection, tenant_id: str, vendor: str, vendor_contact_id: str
) -> Contact | None:
    """Return the contact that a business system's contact is; None: it is not known yet."""
    if not vendor_contact_id:
        return None
    return await contact_at(connection, tenant_id, await link_of(connection, tenant_id, vendor, vendor_contact_id))


async def contact_at(connection: AsyncConnection, tenant_id: str, link: sa.Row[Any] | None) -> Contact | None:
    """Return the contact at the mesh's end of a link; None: there is none."""
    if link is None or link.contact_id is None:
        return None
    return await contact_rows.find(connection, tenant_id, ContactKey("contact_id", link.contact_id))


async def find_contact(connection: AsyncConnection, tenant_id: str, vendor: str, said: VendorContact) -> Contact | None:
    """Find whom a business system means that was not linked yet: by the mesh's id, its own, then the numbers.

    A number alone finds nobody who has another customer id, or is another contact there: families share numbers.
    """
    named = ((ContactKey("contact_id", said.external_id)), ContactKey("customer_id", said.customer_id or ""))
    for key in named:
        contact = await contact_rows.find(connection, tenant_id, key) if key.value else None
        if contact is not None:
            return contact
    for phone in said.phones or ():
        contact = await contact_rows.find(connection, tenant_id, ContactKey("phone", phone))
        if contact is None or (said.customer_id and contact.customer_id):
            continue
        if not await _is_linked(connection, tenant_id, vendor, contact.contact_id):
            return contact
    return None


async def contacts_meant(
    connection: AsyncConnection, tenant_id: str, vendor: str, said: Collection[VendorContact]
) -> set[str]:
    """Return the ids of all contacts that a business system may mean: linked, or found by an id or a number."""
    if not said:
        return set()
    linked = sa.select(links.c.contact_id).where(
        links.c.tenant_id == tenant_id,
        links.c.vendor == vendor,
        links.c.vendor_contact_id.in_({one.contact_id for one in said}),
        links.c.contact_id.is_not(None),
    )
    found = set((await connection.execute(linked)).scalars())
    ids = {one.external_id for one in said if one.external_id}
    customer_ids = {one.customer_id for one in said if one.customer_id}
    found.update(await contact_rows.with_ids(connection, tenant_id, ids, customer_ids))
    numbers = {number for one in said for number in one.phones or ()}
    found.update((await contact_rows.first_with_phones(connection, tenant_id, numbers)).values())
    return found


async def _is_linked(connection: AsyncConnection, tenant_id: str, vendor: str, contact_id: str) -> bool:
    statement = sa.select(links.c.vendor).where(
        links.c.tenant_id == tenant_id, links.c.vendor == vendor, links.c.contact_id == contact_id
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def write_link(
    connection: AsyncConnection, scope: Scope, vendor: str, said: VendorContact, contact: Contact | None
) -> None:
    """Write who a business system's contact is, over what was written before."""
    changed_at, revision = place_of(said)
    values = {
        **_scope(scope, contact),
        "contact_id": contact.contact_id if contact else None,
        "stage": said.stage,
        "suppressed": said.suppressed,
        "gone": said.gone,
        "changed_at": changed_at,
        "revision": revision,
    }
    keys = {"tenant_id": scope.tenant_id, "vendor": vendor, "vendor_contact_id": said.contact_id}
    await _write(connection, links, keys, values)


async def write_item(
    connection: AsyncConnection, scope: Scope, vendor: str, said: VendorItem, contact: Contact | None
) -> None:
    """Write an item over what was written before."""
    changed_at, revision = place_of(said)
    values = {
        **_scope(scope, contact),
        "vendor_contact_id": said.contact_id,
        "record_id": said.record_id,
        "title": said.title,
        "state": said.state,
        "is_open": said.open,
        "amount": said.amount,
        "currency": said.currency,
        "gone": said.gone,
        "changed_at": changed_at,
        "revision": revision,
    }
    keys = {"tenant_id": scope.tenant_id, "vendor": vendor, "kind": said.kind, "item_id": said.item_id}
    await _write(connection, items, keys, values)


def _scope(scope: Scope, contact: Contact | None) -> dict[str, str]:
    language = (contact.language if contact else "") or scope.language
    return {"region": scope.region, "correlation_id": scope.correlation_id, "language": language}


async def _write(
    connection: AsyncConnection, table: sa.Table, keys: Mapping[str, str], values: Mapping[str, object]
) -> None:
    statement = upsert(table, connection).values(**keys, **values, created_at=datetime.now(UTC))
    await connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=values))
