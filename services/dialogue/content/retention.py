"""Deletes what is too old: content by the day its call began, texts and outcomes in the database, the log of accesses.

By day, from the store itself: objects that no row refers to go too. One process at a time, by a lease; done again it
finds nothing more.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh import logs
from mesh.content import ContentError, ContentStore
from mesh.database import transaction
from mesh.leases import Lease
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.content.places import FOLDERS, RECORDING, TRANSCRIPT, day_of
from services.dialogue.content.tables import ACCESSES, CONTENTS, LEASES

_BATCH = 500
_log = logs.get_logger(__name__)
_deleted = Counter("voicemesh_retention_deleted", "What was deleted because its time had run out.", ["kind"])


@dataclass(frozen=True)
class Retention:
    """How long what is kept."""

    transcripts: timedelta
    """Also of what the database holds of calls: texts, outcomes, and who they were with."""
    recordings: timedelta
    accesses: timedelta

    def of(self, kind: str) -> timedelta:
        """How long content of a kind is kept."""
        return {TRANSCRIPT: self.transcripts, RECORDING: self.recordings}[kind]


class Sweeper:
    """Looks for what is too old.

    Args:
        holder: this process's name.
        every_s: seconds between two looks, of all processes together.
    """

    def __init__(
        self, engine: AsyncEngine, store: ContentStore, retention: Retention, holder: str, every_s: float
    ) -> None:
        self._engine = engine
        self._store = store
        self._retention = retention
        self._every_s = every_s
        self._lease = Lease(engine, LEASES, "retention", holder, timedelta(seconds=every_s))

    async def run(self) -> None:
        """Look, for ever; a store or a database that is away is tried again next time."""
        while True:
            try:
                if await self._lease.hold():
                    await self.sweep(datetime.now(UTC))
            except (ContentError, SQLAlchemyError, OSError) as error:
                _log.warning("retention.waiting", error=str(error))
            await asyncio.sleep(self._every_s)

    async def sweep(self, now: datetime) -> dict[str, int]:
        """Delete what is too old; return how much of what. Raises ContentError, SQLAlchemyError."""
        counts = {}
        for kind in FOLDERS:
            counts[kind] = await self._content(kind, now - self._retention.of(kind))
        before = now - self._retention.transcripts
        counts["turn"] = await self._turns(before)
        counts["session"] = await self._sessions(before)
        counts["access"] = await self._rows(ACCESSES, ACCESSES.c.at < now - self._retention.accesses)
        for kind, count in counts.items():
            _deleted.labels(kind).inc(count)
        if any(counts.values()):
            _log.info("retention.deleted", **counts)
        return counts

    async def _content(self, kind: str, before: datetime) -> int:
        """Delete whole days of content, then the rows that referred to it."""
        folder, count = FOLDERS[kind], 0
        for tenant_id in await self._store.folders():
            for name in await self._store.folders(tenant_id, folder):
                day = day_of(name)
                if day is not None and day < before.date():
                    count += await self._store.delete_under(tenant_id, f"{folder}/{name}")
        midnight = datetime(before.year, before.month, before.day, tzinfo=UTC)
        began = sa.select(SESSIONS.c.session_id).where(SESSIONS.c.started_at < midnight)
        await self._rows(CONTENTS, sa.and_(CONTENTS.c.kind == kind, CONTENTS.c.session_id.in_(began)))
        return count

    async def _turns(self, before: datetime) -> int:
        blank: dict[str, object] = {"text": "", "entities": None, "commitments": None}
        told = sa.or_(TURNS.c.text != "", TURNS.c.entities.is_not(None), TURNS.c.commitments.is_not(None))
        return await self._blank(TURNS, [TURNS.c.recorded_at < before, told], blank)

    async def _sessions(self, before: datetime) -> int:
        blank: dict[str, object] = {
            **dict.fromkeys(("contact_id", "customer_id", "phone", "summary"), ""),
            **dict.fromkeys(("outcome", "appointment", "state")),
            "labels": {},
        }
        told = sa.or_(
            *(SESSIONS.c[name] != "" for name in ("contact_id", "customer_id", "phone", "summary")),
            SESSIONS.c.outcome.is_not(None),
            SESSIONS.c.appointment.is_not(None),
            SESSIONS.c.state.is_not(None),
            sa.cast(SESSIONS.c.labels, sa.Text) != "{}",
        )
        # Of a call that nobody ended it is known when it was last heard of.
        over = sa.func.coalesce(SESSIONS.c.ended_at, SESSIONS.c.renewed_at) < before
        return await self._blank(SESSIONS, [over, told], blank)

    async def _blank(self, table: sa.Table, which: list[sa.ColumnElement[bool]], values: dict[str, object]) -> int:
        """Empty columns, a batch in each transaction: nobody waits long."""
        keys = list(table.primary_key.columns)
        some = sa.select(*keys).where(*which).limit(_BATCH)
        statement = sa.update(table).where(sa.tuple_(*keys).in_(some)).values(**values)
        return await self._until_nothing(statement)

    async def _rows(self, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
        keys = list(table.primary_key.columns)
        some = sa.select(*keys).where(which).limit(_BATCH)
        return await self._until_nothing(sa.delete(table).where(sa.tuple_(*keys).in_(some)))

    async def _until_nothing(self, statement: sa.Update | sa.Delete) -> int:
        count = 0
        while True:
            async with transaction(self._engine) as connection:
                done = (await connection.execute(statement)).rowcount
            count += done
            if done < _BATCH:
                return count
