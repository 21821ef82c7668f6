"""The consent store on SQLAlchemy: SQLite or PostgreSQL."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, Row, Select, Table, and_, false, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.database import transaction, upsert
from mesh.errors import ErrorReason, MeshError
from mesh.outbox import Outbox
from services.consent.adapters import rows
from services.consent.adapters.tables import records, removals, suppressions
from services.consent.model import ConsentRecord, Scope, Subject, Suppression
from services.consent.store import ConflictError, Facts, Page, Written


class SqlStore:
    """Implements `services.consent.store.Store`; events go into the outbox of the same database."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    async def facts(self, tenant_id: str, keys: frozenset[str], now: datetime) -> Facts:
        """Find what concerns any of the names."""
        about = select(records).where(_named(records, tenant_id, keys))
        forbidding = _in_force(now).where(_named(suppressions, tenant_id, keys))
        async with _answering(), self._engine.connect() as connection:
            found = (await connection.execute(about)).all()
            suppressed = (await connection.execute(forbidding)).all()
        return Facts([rows.record(row) for row in found], [rows.suppression(row) for row in suppressed])

    async def add_record(self, record: ConsentRecord, idempotency_key: str, event: Message) -> Written[ConsentRecord]:
        """Append a record and its event."""
        values = rows.record_values(record, idempotency_key)
        async with _answering(), self._outbox.transaction() as connection:
            row, new = await _write_once(connection, records, values)
            if new:
                await self._outbox.add(connection, event)
        written = rows.record(row)
        if not new and rows.record_content(written) != rows.record_content(record):
            raise ConflictError
        return Written(written, new)

    async def add_suppression(
        self, suppression: Suppression, idempotency_key: str, event: Message
    ) -> Written[Suppression]:
        """Append a suppression and its event."""
        values = rows.suppression_values(suppression, idempotency_key)
        async with _answering(), self._outbox.transaction() as connection:
            row, new = await _write_once(connection, suppressions, values)
            if new:
                await self._outbox.add(connection, event)
        written = rows.suppression(row)
        if not new and rows.suppression_content(written) != rows.suppression_content(suppression):
            raise ConflictError
        return Written(written, new)

    async def remove_suppression(self, scope: Scope, suppression_id: str, reason: str, now: datetime) -> bool:
        """Append a removal, once."""
        known = select(suppressions.c.sequence).where(
            suppressions.c.tenant_id == scope.tenant_id, suppressions.c.suppression_id == suppression_id
        )
        removal = {"suppression_id": suppression_id, **rows.scope_values(scope), "reason": reason, "removed_at": now}
        async with _answering(), transaction(self._engine) as connection:
            if (await connection.execute(known)).first() is None:
                return False
            await connection.execute(upsert(removals, connection).values(removal).on_conflict_do_nothing())
        return True

    async def history(self, tenant_id: str, subject: Subject, limit: int, before: int | None) -> Page[ConsentRecord]:
        """List the records of a subject, the newest first."""
        page, more = await self._page(
            select(records).where(_named(records, tenant_id, subject.keys)), records, limit, before
        )
        return Page([rows.record(row) for row in page], more)

    async def suppressions(self, tenant_id: str, now: datetime, limit: int, before: int | None) -> Page[Suppression]:
        """List the suppressions in force, the newest first."""
        page, more = await self._page(
            _in_force(now).where(suppressions.c.tenant_id == tenant_id), suppressions, limit, before
        )
        return Page([rows.suppression(row) for row in page], more)

    async def _page(
        self, query: Select[Any], table: Table, limit: int, before: int | None
    ) -> tuple[list[Row[Any]], bool]:
        if before is not None:
            query = query.where(table.c.sequence < before)
        # One row more than asked for tells whether there is a page behind.
        query = query.order_by(table.c.sequence.desc()).limit(limit + 1)
        async with _answering(), self._engine.connect() as connection:
            found = (await connection.execute(query)).all()
        return list(found[:limit]), len(found) > limit


@contextlib.asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise MeshError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            "the consent database does not answer; treat it as a no and try again",
            metadata={"dependency": "consent database"},
        ) from error


async def _write_once(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> tuple[Row[Any], bool]:
    """Insert a row unless its tenant used the idempotency key before; return the row that stands."""
    insert = upsert(table, connection).values(values)
    insert = insert.on_conflict_do_nothing(index_elements=["tenant_id", "idempotency_key"])
    row = (await connection.execute(insert.returning(*table.c))).first()
    if row is not None:
        return row, True
    earlier = select(table).where(
        table.c.tenant_id == values["tenant_id"], table.c.idempotency_key == values["idempotency_key"]
    )
    return (await connection.execute(earlier)).one(), False


def _named(table: Table, tenant_id: str, keys: Iterable[str]) -> ColumnElement[bool]:
    columns = {"phone": table.c.phone, "customer": table.c.customer_id}
    named = [columns[kind] == value for kind, _, value in (key.partition(":") for key in sorted(keys))]
    return and_(table.c.tenant_id == tenant_id, or_(false(), *named))


def _in_force(now: datetime) -> Select[Any]:
    removed = select(removals.c.suppression_id).where(removals.c.suppression_id == suppressions.c.suppression_id)
    return select(suppressions).where(
        ~removed.exists(), or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > now)
    )
