"""Takes down calls: sessions, turns and events, in the order they happened, off the hot path.

One writer serves all sessions of the process. What waits is bounded; when too much waits, sessions wait with it:
better a slow call than one that leaves no trace.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from opentelemetry import context as otel
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import logs, telemetry
from mesh.backoff import backoff_s
from mesh.outbox import Outbox
from services.dialogue import model
from services.dialogue.adapters.events import CallEvents, redacted
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.policy import Outcome, State

_log = logs.get_logger(__name__)
_WAITING = 1024
_BATCH = 64

Write = Callable[[AsyncConnection], Awaitable[None]]


@dataclass(frozen=True)
class _Job:
    write: Write
    trace: otel.Context
    done: asyncio.Future[None]


class Recorder:
    """Writes jobs to the database, several in one transaction. Made by `recorder(...)`."""

    def __init__(self, outbox: Outbox, instance: str) -> None:
        self.outbox = outbox
        self.instance = instance
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue(_WAITING)

    async def put(self, write: Write) -> asyncio.Future[None]:
        """Have something written; the future is done once it is on disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._jobs.put(_Job(write, otel.get_current(), done))
        return done

    async def run(self) -> None:
        """Write until told to close; a database that fails is tried again until it does not."""
        while (job := await self._jobs.get()) is not None:
            batch = [job]
            while len(batch) < _BATCH and not self._jobs.empty() and batch[-1] is not None:
                more = self._jobs.get_nowait()
                if more is None:
                    await self._jobs.put(None)
                    break
                batch.append(more)
            await self._write(batch)

    async def close(self) -> None:
        """Write what waits, then end `run`."""
        await self._jobs.put(None)

    async def _write(self, batch: Sequence[_Job]) -> None:
        failures = 0
        while True:
            try:
                async with self.outbox.transaction() as connection:
                    for job in batch:
                        token = otel.attach(job.trace)
                        try:
                            await job.write(connection)
                        finally:
                            otel.detach(token)
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                _log.warning("record.waiting", failures=failures, error=repr(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.05, limit_s=5.0))
            else:
                break
        for job in batch:
            if not job.done.done():
                job.done.set_result(None)


@contextlib.asynccontextmanager
async def recorder(outbox: Outbox, instance: str) -> AsyncIterator[Recorder]:
    """Run a recorder; on leaving, everything that waits is written first."""
    made = Recorder(outbox, instance)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.run())
        yield made
        await made.close()


class StoredCall:
    """One call's record in the dialogue's database."""

    def __init__(self, recorder: Recorder, info: model.SessionInfo) -> None:
        self._recorder = recorder
        self._info = info
        self._events = CallEvents(info)

    async def started(self, at: datetime) -> None:
        """The call began."""
        info = self._info
        row = {
            "session_id": info.session_id,
            **self._tags(),
            "domain": info.domain,
            "direction": info.direction,
            "customer_id": info.customer_id,
            "phone": info.phone,
            "labels": dict(info.labels),
            "instance": self._recorder.instance,
            "started_at": at,
            "renewed_at": at,
            "trace": telemetry.inject().get("traceparent", ""),
        }
        event = self._events.started(at)

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(sa.insert(SESSIONS).values(row))
            await self._recorder.outbox.add(connection, event)

        await self._recorder.put(write)

    def identified(self, contact_id: str) -> None:
        """The records know the caller: what follows is theirs."""
        self._events.contact_id = contact_id

    async def turn(self, turn_id: str, heard: model.Heard, understanding: model.Understanding) -> None:
        """A caller's turn was understood."""
        at = datetime.now(UTC)
        row = {
            **self._turn_row(turn_id, "caller", redacted(heard.text, understanding.entities), at),
            "intent": understanding.intent,
            "start_s": heard.start,
            "end_s": heard.end,
            "confidence": heard.confidence,
        }
        events = [
            self._events.transcribed(turn_id, heard, at),
            self._events.understood(turn_id, heard, understanding, at),
        ]
        await self._write(events, sa.insert(TURNS).values(row))

    async def delivered(self, turn_id: str, text: str, outcomes: Sequence[Outcome], state: State) -> None:
        """An agent's turn was heard: its outcomes take effect."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        made = [self._events.outcome(turn_id, index, o, at) for index, o in enumerate(outcomes)]
        row = {**self._turn_row(turn_id, "agent", text, at), "intent": "", "start_s": 0.0, "end_s": 0.0}
        snapshot = (
            sa.update(SESSIONS)
            .where(SESSIONS.c.session_id == self._info.session_id)
            .values(state=state.to_json(), renewed_at=at)
        )
        await self._write([event for event in made if event is not None], sa.insert(TURNS).values(row), snapshot)

    async def ended(self, end: model.Ended, state: State | None, sentiment: float | None) -> None:
        """The call is over: returns once its one outcome is on disk."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        events = [self._events.completed(end, sentiment, at), self._events.conversation_ended(end, at)]

        async def write(connection: AsyncConnection) -> None:
            if await close_session(connection, self._info.session_id, end, at):
                for event in events:
                    await self._recorder.outbox.add(connection, event)

        await (await self._recorder.put(write))

    async def _write(self, events: Sequence[Message], *statements: sa.Executable) -> None:
        async def write(connection: AsyncConnection) -> None:
            for statement in statements:
                await connection.execute(statement)
            for event in events:
                await self._recorder.outbox.add(connection, event)

        await self._recorder.put(write)

    def _tags(self) -> dict[str, str]:
        info = self._info
        return {
            "tenant_id": info.tenant_id,
            "region": info.region,
            "correlation_id": info.correlation_id,
            "language": info.language,
        }

    def _turn_row(self, turn_id: str, speaker: str, text: str, at: datetime) -> dict[str, object]:
        return {
            "session_id": self._info.session_id,
            "turn_id": turn_id,
            **self._tags(),
            "speaker": speaker,
            "text": text,
            "recorded_at": at,
        }


async def close_session(connection: AsyncConnection, session_id: str, end: model.Ended, at: datetime) -> bool:
    """Mark a session as ended; False when it was already: whoever closes it first writes its outcome."""
    statement = (
        sa.update(SESSIONS)
        .where(SESSIONS.c.session_id == session_id, SESSIONS.c.ended_at.is_(None))
        .values(ended_at=at, disposition=end.disposition, summary=end.summary)
    )
    return (await connection.execute(statement)).rowcount == 1
