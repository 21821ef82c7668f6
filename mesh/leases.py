"""Leases: one process at a time may do something, and another takes over when it is gone."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.database import transaction, upsert


class Lease:
    """A right that ends by itself unless it is renewed.

    Args:
        table: has the columns ``name`` (its key), ``holder`` and ``held_until``.
        name: what it is the right to.
        holder: who asks for it; different for each process.
    """

    def __init__(self, engine: AsyncEngine, table: sa.Table, name: str, holder: str, length: timedelta) -> None:
        self._engine = engine
        self._table = table
        self._name = name
        self.holder = holder
        self._length = length

    async def hold(self) -> bool:
        """Take or renew it; False while another holds it. Raises ``SQLAlchemyError``."""
        now = datetime.now(UTC)
        table = self._table
        values = {"holder": self.holder, "held_until": now + self._length}
        async with transaction(self._engine) as connection:
            statement = upsert(table, connection).values(name=self._name, **values)
            mine = sa.or_(table.c.holder == self.holder, table.c.held_until < now)
            statement = statement.on_conflict_do_update(index_elements=["name"], set_=values, where=mine)
            return (await connection.execute(statement.returning(table.c.name))).first() is not None

    async def give_up(self) -> None:
        """Let another have it at once."""
        table = self._table
        statement = table.delete().where(table.c.name == self._name, table.c.holder == self.holder)
        async with transaction(self._engine) as connection:
            await connection.execute(statement)
