"""Dead letters, and how the queue stands: what those who run the mesh see and change of it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.deliveries import dead_letter
from services.crm_gateway.adapters.tables import deliveries as table
from services.crm_gateway.adapters.tokens import make_token, read_token
from services.crm_gateway.deliveries import DeadLetter, DeliveryState, Order, Standing
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.model import Decision
from services.crm_gateway.write_back.events import dropped, replayed


class DeadLetters:
    """The dead letters of all business systems."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._engine = outbox.engine
        self._drafts = Drafts(outbox)

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

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int], order: Order) -> int:
        """Have dead letters made again, with as many attempts as new ones; return how many there are.

        They keep their place in the order, and are looked for before they are written: an attempt whose answer was
        lost may have written them. What was ordered is announced in the same transaction.
        """
        values = {"state": DeliveryState.WAITING, "attempts": 0, "due_at": order.at, "settled_at": None}
        async with self._outbox.transaction() as connection:
            return len(await self._change(connection, _chosen(tenant_id, vendor, sequences), values, order))

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int], order: Order) -> int:
        """Give dead letters up for good; return how many there are. Announced in the same transaction.

        A draft that a person said yes to is rejected with its letter: it is not written after all.
        """
        async with self._outbox.transaction() as connection:
            letters = await self._change(
                connection, _chosen(tenant_id, vendor, sequences), {"state": DeliveryState.DROPPED}, order
            )
            for letter, trace in letters:
                if letter.record.reviewed:
                    decision = Decision(order.by, order.at, order.purpose)
                    with telemetry.continuing(trace):
                        await self._drafts.given_up(
                            connection, tenant_id, letter.vendor, letter.record.event_id, decision
                        )
            return len(letters)

    async def _change(
        self,
        connection: AsyncConnection,
        which: sa.ColumnElement[bool],
        values: dict[str, Any],
        order: Order,
    ) -> list[tuple[DeadLetter, dict[str, str]]]:
        """Change dead letters and say so; return them as they were, each with the trace of its call."""
        chosen = sa.select(table).where(which).order_by(table.c.sequence).with_for_update()
        rows = (await connection.execute(chosen)).all()
        if not rows:
            return []
        # One by one: so many numbers at once fit into no statement of SQLite.
        change = table.update().where(table.c.sequence == sa.bindparam("which")).values(**values)
        await connection.execute(change, [{"which": row.sequence} for row in rows])
        tenants, names = {row.tenant_id for row in rows}, {row.contact_id for row in rows if row.contact_id}
        contacts = await contact_rows.find_many(connection, tenants, names)
        letters = [(dead_letter(row), dict(row.trace)) for row in rows]
        tell = dropped if values["state"] == DeliveryState.DROPPED else replayed
        events = [
            (tell(letter, contacts.get(row.contact_id), order), trace)
            for (letter, trace), row in zip(letters, rows, strict=True)
        ]
        await self._outbox.add_many(connection, events)
        return letters

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


def _chosen(tenant_id: str, vendor: str, sequences: Sequence[int]) -> sa.ColumnElement[bool]:
    """Return which dead letters are meant: some, or all of a business system."""
    which = table.c.sequence.in_(sequences) if sequences else table.c.vendor == vendor
    return sa.and_(table.c.tenant_id == tenant_id, table.c.state == DeliveryState.DEAD, which)
