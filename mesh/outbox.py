"""The transactional outbox: an event is written in the transaction that makes it true, and published afterwards.

A process that dies between the two publishes when it is back. Publishing twice is harmless: the stream drops what
has an event id it saw in the last two minutes, and consumers write each event id once.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from mesh.bus import STREAM_EVENTS, Bus, BusUnavailableError, Envelope, EventError, connect, seal, seal_versions
from mesh.bus.envelope import context_of
from mesh.database import UtcDateTime, advisory_key, insert_once, transaction, upsert

_BATCH = 100
_PRUNE_EVERY = timedelta(minutes=10)
_FLUSH_LOOK_S = 0.05

_log = logs.get_logger(__name__)
_pending = Gauge("voicemesh_outbox_pending", "Events written and not yet published.", ["outbox"])
_published = Counter("voicemesh_outbox_published", "Events published from the outbox.", ["outbox"])
_failures = Counter("voicemesh_outbox_failures", "Attempts to publish that failed.", ["outbox"])


def outbox_columns() -> list[sa.Column[Any]]:
    """Give an outbox's columns, for its table and for the revision that makes it."""
    return [
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(128), nullable=False, unique=True),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        # JSON: the CloudEvents attributes, and the trace the event belongs to.
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("published_at", UtcDateTime, nullable=True, index=True),
        sa.Column("attempts", sa.Integer, nullable=False, default=0, server_default="0"),
        sa.Column("last_error", sa.Text, nullable=True),
    ]


def outbox_table(metadata: sa.MetaData, name: str) -> sa.Table:
    """Give an outbox's table."""
    return sa.Table(name, metadata, *outbox_columns())


class Outbox:
    """One outbox table and the relay that empties it.

    Waiting events are bounded by the disk only: while the bus is away they pile up in the table (gauge
    ``voicemesh_outbox_pending``). Published rows are deleted after ``retention``.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        table: sa.Table,
        *,
        poll_s: float = 1.0,
        retention: timedelta = timedelta(days=1),
    ) -> None:
        self._engine = engine
        self._table = table
        self._poll_s = poll_s
        self._retention = retention
        self._woken = asyncio.Event()

    @property
    def engine(self) -> AsyncEngine:
        """The database it lies in."""
        return self._engine

    async def add(self, connection: AsyncConnection, event: Message) -> bool:
        """Write an event in the caller's transaction; say whether it was new.

        The current span becomes the parent of the publishing. Raises ``mesh.bus.EventError`` for an event that
        lacks an id, a tenant or a region, or is of the early profile: that one is not worth a place on disk.
        """
        return await self.add_versions(connection, [event])

    async def add_versions(self, connection: AsyncConnection, versions: Sequence[Message]) -> bool:
        """Write all versions of one event, the oldest first, otherwise as :meth:`add` (``mesh.bus.upcasting``)."""
        new = False
        for event, envelope in zip(versions, seal_versions(versions), strict=True):
            if envelope.stream != STREAM_EVENTS:
                raise EventError(f"{envelope.type_name} is of the early profile: publish it without the outbox")
            values = _row(envelope, context_of(event))
            new |= await insert_once(connection, self._table, values, unique=["event_id"])
        return new

    async def add_many(self, connection: AsyncConnection, events: Sequence[tuple[Message, Mapping[str, str]]]) -> None:
        """Write events with one statement, each with the trace it belongs to as headers, otherwise as :meth:`add`.

        Events that were there before change nothing.
        """
        rows: dict[str, dict[str, Any]] = {}
        for event, trace in events:
            with telemetry.continuing(trace):
                envelope = seal(event)
                if envelope.stream != STREAM_EVENTS:
                    raise EventError(f"{envelope.type_name} is of the early profile: publish it without the outbox")
                rows.setdefault(envelope.event_id, _row(envelope, context_of(event)))
        if rows:
            statement = upsert(self._table, connection).on_conflict_do_nothing(index_elements=["event_id"])
            await connection.execute(statement, list(rows.values()))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes; once it is committed the relay is woken."""
        async with transaction(self._engine) as connection:
            yield connection
        self.wake()

    def wake(self) -> None:
        """Have the relay look now, not at its next poll. Call it after the commit."""
        self._woken.set()

    async def run(self, bus: Bus) -> None:
        """Publish what is waiting, in the order it was written, for ever. Ends only by cancellation.

        Outages of the bus and of the database are waited out, with growing pauses.
        """
        failures = 0
        pruned_at = datetime.min.replace(tzinfo=UTC)
        while True:
            self._woken.clear()
            try:
                more = await self._relay(bus)
                failures = 0
                if datetime.now(UTC) - pruned_at > _PRUNE_EVERY:
                    pruned_at = datetime.now(UTC)
                    await self._prune()
            except (BusUnavailableError, SQLAlchemyError, OSError) as error:
                failures += 1
                _failures.labels(self._table.name).inc()
                _log.warning("outbox.waiting", outbox=self._table.name, failures=failures, error=repr(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.1, limit_s=5.0))
                continue
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._woken.wait()

    @contextlib.asynccontextmanager
    async def relaying(self, nats_url: str, source: str, *, flush_s: float = 3.0) -> AsyncIterator[None]:
        """Relay while the context lasts; on leaving, what waits gets ``flush_s`` seconds to be published.

        Enter it before whatever writes to the outbox until its own end. What could not be published stays in the
        table for the next process. Raises what ``relay`` raises.
        """
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.relay(nats_url, source))
            yield
            await self._flush(flush_s)
            task.cancel()

    async def _flush(self, within_s: float) -> None:
        waiting = 0
        try:
            async with asyncio.timeout(within_s):
                while waiting := await self.pending():
                    self.wake()
                    await asyncio.sleep(_FLUSH_LOOK_S)
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            _log.warning("outbox.left", outbox=self._table.name, waiting=waiting, error=repr(error))

    async def relay(self, nats_url: str, source: str) -> None:
        """Connect to the bus and publish, for ever; a broker that is not there is tried again. Calls need not wait.

        ``source`` is the CloudEvents source. Raises ``ConfigError`` for an empty URL.
        """
        failures = 0
        while True:
            try:
                async with connect(nats_url, source=source) as bus:
                    failures = 0
                    await self.run(bus)
            except BusUnavailableError as error:
                failures += 1
                _log.warning("outbox.no_bus", outbox=self._table.name, error=str(error))
            await asyncio.sleep(backoff_s(failures, first_s=0.2, limit_s=5.0))

    async def pending(self) -> int:
        """Count the events that wait to be published."""
        statement = sa.select(sa.func.count()).where(self._table.c.published_at.is_(None))
        async with self._engine.connect() as connection:
            return int((await connection.execute(statement)).scalar_one())

    async def _relay(self, bus: Bus) -> bool:
        """Publish one batch; say whether there may be more."""
        async with self._only_relay() as chosen:
            rows = await self._waiting_rows() if chosen else []
            done: list[int] = []
            try:
                for row in rows:
                    await self._publish(bus, row)
                    done.append(row.id)
            except BusUnavailableError as error:
                await self._note_failure(rows[len(done)].id, error)
                raise
            finally:
                await self._mark_published(done)
        _pending.labels(self._table.name).set(await self.pending())
        return len(rows) == _BATCH

    @contextlib.asynccontextmanager
    async def _only_relay(self) -> AsyncIterator[bool]:
        """Say whether this process is the one that may publish: order holds only when there is one.

        SQLite has no such lock; there two processes at once publish the same rows, and the stream drops the copies.
        """
        if self._engine.dialect.name != "postgresql":
            yield True
            return
        lock = sa.select(sa.func.pg_try_advisory_xact_lock(advisory_key(f"outbox:{self._table.name}")))
        async with self._engine.connect() as connection:
            yield bool((await connection.execute(lock)).scalar_one())

    async def _waiting_rows(self) -> Sequence[sa.Row[Any]]:
        table = self._table
        statement = sa.select(table).where(table.c.published_at.is_(None)).order_by(table.c.id).limit(_BATCH)
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).all()

    async def _publish(self, bus: Bus, row: sa.Row[Any]) -> None:
        headers = json.loads(row.headers)
        parent = telemetry.extract(headers)
        envelope = Envelope(row.event_id, row.type, row.subject, bytes(row.payload), headers)
        await bus.publish_envelope(envelope, parent=parent)
        _published.labels(self._table.name).inc()

    async def _mark_published(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        statement = sa.update(self._table).where(self._table.c.id.in_(ids)).values(published_at=datetime.now(UTC))
        async with transaction(self._engine) as connection:
            await connection.execute(statement)

    async def _note_failure(self, row_id: int, error: Exception) -> None:
        table = self._table
        statement = (
            sa.update(table)
            .where(table.c.id == row_id)
            .values(attempts=table.c.attempts + 1, last_error=str(error)[:500])
        )
        async with transaction(self._engine) as connection:
            await connection.execute(statement)

    async def _prune(self) -> None:
        before = datetime.now(UTC) - self._retention
        statement = sa.delete(self._table).where(self._table.c.published_at < before)
        async with transaction(self._engine) as connection:
            await connection.execute(statement)


def _row(envelope: Envelope, context: EventContext) -> dict[str, Any]:
    return {
        "event_id": envelope.event_id,
        "subject": envelope.subject,
        "type": envelope.type_name,
        "payload": envelope.payload,
        "headers": json.dumps({**envelope.headers, **telemetry.inject()}),
        "tenant_id": context.tenant_id,
        "region": context.region,
        "correlation_id": context.correlation_id,
        "language": context.language,
        "created_at": datetime.now(UTC),
    }
