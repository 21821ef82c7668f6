"""How far business systems' changes were read, and what was taken in: for the sync process and those who run it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.database import insert_once, transaction
from services.crm_gateway.adapters.sync_tables import cursors
from services.crm_gateway.model import Scope
from services.crm_gateway.storable import storable
from services.crm_gateway.sync_in.model import LostCursorError, Page, Position, SyncState, Taken

_TEXT_LIMIT = 500
_ANEW: dict[str, Any] = {"cursor": "", "complete_at": None}


class Cursor:
    """The place in one business system's changes, for one tenant."""

    def __init__(self, engine: AsyncEngine, scope: Scope, vendor: str) -> None:
        self._engine = engine
        self._scope = scope
        self._vendor = vendor
        self._mine = (cursors.c.tenant_id == scope.tenant_id, cursors.c.vendor == vendor)

    async def read(self) -> Position:
        """Return how far it was read, from the beginning where it never was. Raises ``SQLAlchemyError``."""
        async with transaction(self._engine) as connection:
            await self._begin(connection)
            statement = sa.select(cursors.c.cursor, cursors.c.complete_at).where(*self._mine)
            row = (await connection.execute(statement)).one()
        return Position(row.cursor, complete=row.complete_at is not None)

    async def advance(self, connection: AsyncConnection, before: Position, page: Page, taken: Taken) -> None:
        """Go on behind a page, in the transaction that takes it in.

        Raises:
            LostCursorError: the place is no longer where the page was read from.
        """
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "cursor": page.cursor,
            "read_at": now,
            "refused": cursors.c.refused + len(page.refused),
            "failures": 0,
            "last_error": "",
            **self._counts(taken),
        }
        if page.refused:
            values["last_refusal"] = storable(page.refused[-1], _TEXT_LIMIT)
        if not page.more:
            values["complete_at"] = sa.func.coalesce(cursors.c.complete_at, now, type_=cursors.c.complete_at.type)
        was_complete = cursors.c.complete_at.is_not(None) if before.complete else cursors.c.complete_at.is_(None)
        there = (*self._mine, cursors.c.cursor == before.cursor, was_complete)
        statement = cursors.update().where(*there).values(values).returning(cursors.c.vendor)
        if (await connection.execute(statement)).first() is None:
            raise LostCursorError
        await self._newest(connection, [change.changed_at for change in page.changes])

    async def note_webhook(
        self, connection: AsyncConnection, changed_at: Sequence[datetime], taken: Taken, refused: Sequence[str] = ()
    ) -> None:
        """Note a webhook that was taken, in its transaction: when what it says happened, why some of it is not kept."""
        await self._begin(connection)
        values: dict[str, Any] = {"webhook_at": datetime.now(UTC), **self._counts(taken)}
        if refused:
            values |= {"refused": cursors.c.refused + len(refused), "last_refusal": storable(refused[-1], _TEXT_LIMIT)}
        await connection.execute(cursors.update().where(*self._mine).values(values))
        await self._newest(connection, changed_at)

    async def failed(self, error: str) -> None:
        """Note that reading failed. Raises ``SQLAlchemyError``."""
        values = {
            "failures": cursors.c.failures + 1,
            "last_error": storable(error, _TEXT_LIMIT),
            "failed_at": datetime.now(UTC),
        }
        async with transaction(self._engine) as connection:
            await self._begin(connection)
            await connection.execute(cursors.update().where(*self._mine).values(values))

    async def restart(self) -> None:
        """Begin again: the business system does not know the place any more. Raises ``SQLAlchemyError``."""
        async with transaction(self._engine) as connection:
            await connection.execute(cursors.update().where(*self._mine).values(_ANEW))

    async def _begin(self, connection: AsyncConnection) -> None:
        scope = self._scope
        values = {
            "tenant_id": scope.tenant_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "vendor": self._vendor,
            "cursor": "",
            "applied": 0,
            "ignored": 0,
            "refused": 0,
            "last_refusal": "",
            "failures": 0,
            "last_error": "",
        }
        await insert_once(connection, cursors, values, unique=["tenant_id", "vendor"])

    async def _newest(self, connection: AsyncConnection, moments: Sequence[datetime]) -> None:
        if moments:
            older = sa.or_(cursors.c.changed_at.is_(None), cursors.c.changed_at < max(moments))
            await connection.execute(cursors.update().where(*self._mine, older).values(changed_at=max(moments)))

    @staticmethod
    def _counts(taken: Taken) -> dict[str, Any]:
        return {"applied": cursors.c.applied + taken.applied, "ignored": cursors.c.ignored + taken.ignored}


class SyncStates:
    """What those who run the mesh see of it, and change."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def states(self, tenant_id: str) -> list[SyncState]:
        """Return a tenant's, by business system."""
        statement = sa.select(cursors).where(cursors.c.tenant_id == tenant_id).order_by(cursors.c.vendor)
        async with self._engine.connect() as connection:
            return [_state(row) for row in (await connection.execute(statement)).all()]

    async def restart(self, tenant_id: str, vendor: str) -> SyncState | None:
        """Have a business system read from the beginning; return how far it had come, None: it never was."""
        mine = (cursors.c.tenant_id == tenant_id, cursors.c.vendor == vendor)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(sa.select(cursors).where(*mine))).first()
            await connection.execute(cursors.update().where(*mine).values(_ANEW))
        return None if row is None else _state(row)


def _state(row: sa.Row[Any]) -> SyncState:
    return SyncState(**{name: getattr(row, name) for name in SyncState.__dataclass_fields__})
