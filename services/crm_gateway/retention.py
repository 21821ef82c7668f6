"""What is done with is kept for a while, then only its keys: so that nothing comes twice, and tables stay small."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh import logs
from mesh.database import transaction
from services.crm_gateway.adapters.conflict_tables import conflicts
from services.crm_gateway.adapters.leases import Lease
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.adapters.tables import deliveries
from services.crm_gateway.conflicts.model import ConflictState
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import Customer, RecordState

LEASE = timedelta(minutes=5)
_BATCH = 200
_EVERY_S = 3600.0
_SETTLED = (DeliveryState.WRITTEN, DeliveryState.REJECTED, DeliveryState.DROPPED)
_DECIDED = (RecordState.APPLIED, RecordState.REJECTED)
_OVER = (ConflictState.SETTLED, ConflictState.RESOLVED)
STRIPPED = Counter(
    "voicemesh_crm_stripped", "Rows that were so old that only their keys, or nothing, was kept.", ["table"]
)
_log = logs.get_logger(__name__)


class Retention:
    """Strips what has been done with for `keep`: deliveries and drafts to their keys; conflicts go.

    Dead letters, drafts and conflicts that wait for a person stay as they are, however old.
    """

    def __init__(self, engine: AsyncEngine, lease: Lease, keep: timedelta) -> None:
        self._engine = engine
        self._lease = lease
        self._keep = keep

    async def run(self) -> None:
        """Look each hour, for ever; a store that is away is tried again."""
        while True:
            try:
                await self.sweep(datetime.now(UTC) - self._keep)
            except (SQLAlchemyError, OSError) as error:
                _log.warning("crm_retention.store_away", error=type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def sweep(self, before: datetime) -> int:
        """Strip what was done with before a moment; return how many rows. Another process's turn is left to it.

        Raises:
            SQLAlchemyError: the store does not answer; what was stripped stays so.
        """
        total = 0
        for name, step in (("deliveries", _deliveries), ("drafts", _drafts), ("conflicts", _conflicts)):
            count = _BATCH
            # Small transactions: writers of calls never wait long for one.
            while count == _BATCH and await self._lease.hold():
                async with transaction(self._engine) as connection:
                    count = await step(connection, before)
                STRIPPED.labels(name).inc(count)
                total += count
        return total


async def _deliveries(connection: AsyncConnection, before: datetime) -> int:
    table = deliveries
    old = (table.c.stripped.is_(False), table.c.state.in_(_SETTLED), table.c.settled_at < before)
    query = sa.select(table.c.sequence, table.c.record).where(*old).order_by(table.c.sequence).limit(_BATCH)
    rows = (await connection.execute(query.with_for_update(skip_locked=True))).all()
    for row in rows:
        values = {"record": _keys(row.record), "last_error": "", "trace": {}, "stripped": True}
        await connection.execute(table.update().where(table.c.sequence == row.sequence).values(**values))
    return len(rows)


async def _drafts(connection: AsyncConnection, before: datetime) -> int:
    old = (drafts.c.stripped.is_(False), drafts.c.state.in_(_DECIDED), drafts.c.changed_at < before)
    query = sa.select(drafts.c.sequence, drafts.c.record).where(*old).order_by(drafts.c.sequence).limit(_BATCH)
    rows = (await connection.execute(query.with_for_update(skip_locked=True))).all()
    for row in rows:
        gone = {"transcript_reference": "", "transcript": {}, "audio": {}, "trace": {}, "stripped": True}
        here = drafts.update().where(drafts.c.sequence == row.sequence)
        await connection.execute(here.values(record=_keys(row.record), **gone))
        steps = draft_steps.update().where(draft_steps.c.draft == row.sequence)
        await connection.execute(steps.values(changes=[], note=""))
    return len(rows)


async def _conflicts(connection: AsyncConnection, before: datetime) -> int:
    old = (conflicts.c.state.in_(_OVER), conflicts.c.settled_at < before)
    query = sa.select(conflicts.c.sequence).where(*old).order_by(conflicts.c.sequence).limit(_BATCH)
    which = list((await connection.execute(query.with_for_update(skip_locked=True))).scalars())
    if which:
        await connection.execute(conflicts.delete().where(conflicts.c.sequence.in_(which)))
    return len(which)


def _keys(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's document without what a call said."""
    return {**record, "customer": asdict(Customer()), "title": "", "fields": {}, "escrow": None}
