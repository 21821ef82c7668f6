"""Contacts as rows: reading and writing them inside a transaction."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import advisory_key
from services.crm_gateway.adapters.sync_tables import links
from services.crm_gateway.adapters.tables import contacts, emails, phones
from services.crm_gateway.model import Contact, ContactKey, Scope

# Made once: making a statement takes longer than the database does to answer it.
_TENANT: sa.BindParameter[str] = sa.bindparam("tenant_id", type_=sa.String)
_OF_TENANT = sa.select(contacts).where(contacts.c.tenant_id == _TENANT)
_VALUE: sa.BindParameter[str] = sa.bindparam("value", type_=sa.String)
_FIND = {
    "contact_id": _OF_TENANT.where(contacts.c.contact_id == _VALUE),
    "customer_id": _OF_TENANT.where(contacts.c.customer_id == _VALUE),
    "phone": _OF_TENANT.join(phones, phones.c.contact_id == contacts.c.contact_id)
    .where(phones.c.tenant_id == _TENANT, phones.c.phone == _VALUE)
    .order_by(phones.c.position, contacts.c.created_at, contacts.c.contact_id)
    .limit(1),
}
_OF_CONTACT: sa.BindParameter[str] = sa.bindparam("contact_id", type_=sa.String)
_VALUES = sa.union_all(
    sa.select(sa.literal(1).label("is_phone"), phones.c.phone, phones.c.position).where(
        phones.c.tenant_id == _TENANT, phones.c.contact_id == _OF_CONTACT
    ),
    sa.select(sa.literal(0), emails.c.email, emails.c.position).where(
        emails.c.tenant_id == _TENANT, emails.c.contact_id == _OF_CONTACT
    ),
).order_by("position")


_HOLD = sa.select(
    sa.func.pg_advisory_xact_lock(
        sa.func.unnest(sa.bindparam("keys", type_=sa.ARRAY(sa.BigInteger))).column_valued("key")
    )
)
"""Locks are taken in the order of the keys: rows of a function come, and are worked off, one after the other."""


async def hold(connection: AsyncConnection, tenant_id: str, names: Iterable[str]) -> None:
    """Let no other transaction pass that holds one of these names, until this one ends.

    Two calls of a new customer would otherwise make two contacts. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    # In one order everywhere: otherwise two transactions could wait for each other.
    keys = sorted(advisory_key(f"crm:{tenant_id}:{name}") for name in set(names))
    await connection.execute(_HOLD, {"keys": keys})


def lock_name(key: ContactKey) -> str:
    """Return the name to hold while a contact of this key may be made."""
    return f"{key.kind}:{key.value}"


async def find(connection: AsyncConnection, tenant_id: str, key: ContactKey) -> Contact | None:
    """Find a tenant's contact. Of several with one telephone number: whose preferred it is, then the oldest."""
    row = (await connection.execute(_FIND[key.kind], {"tenant_id": tenant_id, "value": key.value})).first()
    if row is None:
        return None
    values = (await connection.execute(_VALUES, {"tenant_id": tenant_id, "contact_id": row.contact_id})).all()
    return _contact(
        row,
        tuple(value for is_phone, value, _ in values if is_phone),
        tuple(value for is_phone, value, _ in values if not is_phone),
    )


async def lock(connection: AsyncConnection, tenant_id: str, contact_ids: Collection[str]) -> None:
    """Let nobody else change these contacts until the transaction ends; in one order everywhere, as `hold` does.

    Whoever changes several calls it once, before the first: two transactions would otherwise wait for each other.
    """
    if not contact_ids or connection.dialect.name != "postgresql":
        return
    mine = (contacts.c.tenant_id == tenant_id, contacts.c.contact_id.in_(contact_ids))
    statement = sa.select(contacts.c.contact_id).where(*mine).order_by(contacts.c.contact_id)
    await connection.execute(statement.with_for_update())


async def first_with_phones(connection: AsyncConnection, tenant_id: str, numbers: Collection[str]) -> dict[str, str]:
    """Return the ids of the contacts that `find` finds by these numbers, by number."""
    statement = (
        sa.select(phones.c.phone, phones.c.contact_id)
        .join(contacts, contacts.c.contact_id == phones.c.contact_id)
        .where(phones.c.tenant_id == tenant_id, phones.c.phone.in_(numbers))
        .order_by(phones.c.position, contacts.c.created_at, contacts.c.contact_id)
    )
    found: dict[str, str] = {}
    for phone, contact_id in (await connection.execute(statement)).all():
        found.setdefault(phone, contact_id)
    return found


async def with_ids(
    connection: AsyncConnection, tenant_id: str, contact_ids: Collection[str], customer_ids: Collection[str]
) -> list[str]:
    """Return the ids of a tenant's contacts that have one of these ids."""
    named = sa.or_(contacts.c.contact_id.in_(contact_ids), contacts.c.customer_id.in_(customer_ids))
    statement = sa.select(contacts.c.contact_id).where(contacts.c.tenant_id == tenant_id, named)
    return list((await connection.execute(statement)).scalars())


async def find_many(
    connection: AsyncConnection, tenant_ids: Collection[str], contact_ids: Collection[str]
) -> dict[str, Contact]:
    """Find contacts of some tenants by their ids, with a few statements for all of them."""
    if not contact_ids:
        return {}
    values: dict[str, dict[str, list[str]]] = {}
    for table, column in ((phones, "phone"), (emails, "email")):
        found = values.setdefault(column, {})
        mine = (table.c.tenant_id.in_(tenant_ids), table.c.contact_id.in_(contact_ids))
        rows = sa.select(table).where(*mine).order_by(table.c.position)
        for row in (await connection.execute(rows)).mappings():
            found.setdefault(row["contact_id"], []).append(row[column])
    known_as = await _known_as(connection, tenant_ids, contact_ids)
    statement = sa.select(contacts).where(contacts.c.tenant_id.in_(tenant_ids), contacts.c.contact_id.in_(contact_ids))
    return {
        row.contact_id: _contact(
            row,
            tuple(values["phone"].get(row.contact_id, ())),
            tuple(values["email"].get(row.contact_id, ())),
            tuple(known_as.get(row.contact_id, ())),
        )
        for row in (await connection.execute(statement)).all()
    }


async def _known_as(
    connection: AsyncConnection, tenant_ids: Collection[str], contact_ids: Collection[str]
) -> dict[str, list[tuple[str, str]]]:
    """Return the business systems that contacts are known to be in, and their ids there: of several the first."""
    statement = (
        sa.select(links.c.contact_id, links.c.vendor, links.c.vendor_contact_id)
        .where(links.c.tenant_id.in_(tenant_ids), links.c.contact_id.in_(contact_ids), links.c.gone.is_(False))
        .order_by(links.c.created_at.desc(), links.c.vendor_contact_id.desc())
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for contact_id, vendor, there in (await connection.execute(statement)).all():
        found.setdefault(contact_id, []).append((vendor, there))
    return found


def _contact(
    row: sa.Row[Any],
    phones: tuple[str, ...],
    emails: tuple[str, ...],
    known_as: tuple[tuple[str, str], ...] = (),
) -> Contact:
    return Contact(
        contact_id=row.contact_id,
        customer_id=row.customer_id or "",
        display_name=row.display_name,
        phones=phones,
        emails=emails,
        language=row.language,
        region=row.region,
        version=row.version,
        updated_at=row.updated_at,
        known_as=known_as,
    )


async def insert(connection: AsyncConnection, scope: Scope, contact: Contact) -> Contact:
    """Write a new contact; return it as it is now."""
    new = begun(scope, contact)
    await insert_many(connection, [(scope, new)])
    return new


async def insert_many(connection: AsyncConnection, news: Sequence[tuple[Scope, Contact]]) -> None:
    """Write new contacts, with a few statements for all of them. They are written as they are given: see `begun`."""
    if not news:
        return
    rows = [
        {
            "tenant_id": scope.tenant_id,
            "correlation_id": scope.correlation_id,
            "created_at": contact.updated_at,
            "contact_id": contact.contact_id,
            **_columns(contact),
        }
        for scope, contact in news
    ]
    await connection.execute(contacts.insert(), rows)
    for table, column in ((phones, "phone"), (emails, "email")):
        values = [row for scope, contact in news for row in _value_rows(scope, contact, column)]
        if values:
            await connection.execute(table.insert(), values)


def begun(scope: Scope, contact: Contact) -> Contact:
    """Return a new contact as it is first written."""
    return replace(
        contact,
        language=contact.language or scope.language,
        region=contact.region or scope.region,
        version=1,
        updated_at=datetime.now(UTC),
    )


async def update(connection: AsyncConnection, scope: Scope, contact: Contact) -> Contact:
    """Write a contact's new values over the old ones; return it as it is now."""
    new = replace(contact, version=contact.version + 1, updated_at=datetime.now(UTC))
    statement = (
        contacts.update()
        .where(contacts.c.tenant_id == scope.tenant_id, contacts.c.contact_id == contact.contact_id)
        .values(correlation_id=scope.correlation_id, **_columns(new))
    )
    await connection.execute(statement)
    for table in (phones, emails):
        mine = (table.c.tenant_id == scope.tenant_id, table.c.contact_id == contact.contact_id)
        await connection.execute(table.delete().where(*mine))
    await _write_values(connection, scope, new)
    return new


def _columns(contact: Contact) -> dict[str, object]:
    return {
        # NULL is none: many contacts may have none, and no two the same.
        "customer_id": contact.customer_id or None,
        "display_name": contact.display_name,
        "language": contact.language,
        "region": contact.region,
        "version": contact.version,
        "updated_at": contact.updated_at,
    }


async def _write_values(connection: AsyncConnection, scope: Scope, contact: Contact) -> None:
    for table, column in ((phones, "phone"), (emails, "email")):
        rows = list(_value_rows(scope, contact, column))
        if rows:
            await connection.execute(table.insert(), rows)


def _value_rows(scope: Scope, contact: Contact, column: str) -> Iterator[dict[str, object]]:
    values = contact.phones if column == "phone" else contact.emails
    for position, value in enumerate(dict.fromkeys(values)):
        yield {
            "contact_id": contact.contact_id,
            column: value,
            "position": position,
            "tenant_id": scope.tenant_id,
            "region": contact.region,
            "correlation_id": scope.correlation_id,
            "language": contact.language,
        }
