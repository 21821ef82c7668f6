"""Dead letters, and how the queue stands: what those who run the mesh see and change of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.database import transaction
from services.crm_gateway.adapters.deliveries import dead_letter
from services.crm_gateway.adapters.tables import deliveries as table
from services.crm_gateway.adapters.tokens import make_token, read_token
from services.crm_gateway.deliveries import DeadLetter, DeliveryState, Standing


class DeadLetters:
    """The dead letters of all business systems."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, tenant_id: str, *, vendor: str, sequence: int, size: int, token: str
    ) -> tuple[list[DeadLetter], str]:
        """Return a page, the newest first, and the next page's token.

        Raises:
            ValueError: the token was not handed out.
        """
        statement = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.state == DeliveryState.DEAD)
        if vendor:
            statement = statement.where(table.c.vendor == vendor)
        if sequence:
            statement = statement.where(table.c.sequence == sequence)
        if token:
            statement = statement.where(table.c.sequence < read_token(token))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement.order_by(table.c.sequence.desc()).limit(size + 1))).all()
        following = make_token(rows[size - 1].sequence) if len(rows) > size else ""
        return [dead_letter(row) for row in rows[:size]], following

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Have dead letters made again, with as many attempts as new ones; return how many there are.

        They keep their place in the order, and are looked for before they are written: an attempt whose answer was
        lost may have written them.
        """
        values = {"state": DeliveryState.WAITING, "attempts": 0, "due_at": datetime.now(UTC), "settled_at": None}
        return await self._change(tenant_id, vendor, sequences, values)

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Give dead letters up for good; return how many there are."""
        return await self._change(tenant_id, vendor, sequences, {"state": DeliveryState.DROPPED})

    async def _change(self, tenant_id: str, vendor: str, sequences: Sequence[int], values: dict[str, Any]) -> int:
        which = table.c.sequence.in_(sequences) if sequences else table.c.vendor == vendor
        where = sa.and_(table.c.tenant_id == tenant_id, table.c.state == DeliveryState.DEAD, which)
        async with transaction(self._engine) as connection:
            changed = table.update().where(where).values(**values).returning(table.c.sequence)
            return len((await connection.execute(changed)).all())

    async def standing(self, tenant_id: str) -> list[Standing]:
        """Count the deliveries of each business system."""
        statement = (
            sa.select(table.c.vendor, table.c.state, sa.func.count().label("count"), sa.func.min(table.c.created_at))
            .where(table.c.tenant_id == tenant_id)
            .group_by(table.c.vendor, table.c.state)
        )
        found: dict[str, Standing] = {}
        async with self._engine.connect() as connection:
            for vendor, state, count, oldest in (await connection.execute(statement)).all():
                standing = found.setdefault(vendor, Standing(vendor))
                standing.counts[DeliveryState(state)] = count
                if state == DeliveryState.WAITING:
                    standing.waiting_since = oldest
        return [found[vendor] for vendor in sorted(found)]
