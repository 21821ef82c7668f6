"""Writes what happens in calls, in the order it happened, off the hot path.

One writer serves all sessions of the process. What waits is bounded; when too much waits, sessions wait with it:
better a slow call than one that leaves no trace.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opentelemetry import context as otel
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import logs
from mesh.backoff import backoff_s
from mesh.errors import ErrorReason, MeshError
from mesh.outbox import Outbox
from services.dialogue.content.filing import Filing
from services.dialogue.content.recordings import Recordings
from services.dialogue.dispositions.summarisers import Summariser
from services.dialogue.model import Ended

if TYPE_CHECKING:
    from services.dialogue.adapters.events import CallEvents

_log = logs.get_logger(__name__)
_WAITING = 1024
_BATCH = 64

Write = Callable[[AsyncConnection], Awaitable[None]]


@dataclass(frozen=True)
class _Job:
    session_id: str
    write: Write
    trace: otel.Context
    done: asyncio.Future[None]


class Recorder:
    """Writes jobs to the database, several in one transaction. Made by `recorder(...)`.

    At most 1024 jobs wait; when they are that many, `put` waits.
    """

    def __init__(
        self,
        outbox: Outbox,
        instance: str,
        summariser: Summariser | None = None,
        filing: Filing | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        self.outbox = outbox
        self.instance = instance
        self._filing = filing
        self.recordings = recordings
        """Files what callers' turns sound like; None: that is not kept."""
        self.summariser = summariser
        """Writes the summaries of calls; None: they are made of the facts alone."""
        self.live: set[str] = set()
        """The sessions of this process: their lease is renewed."""
        self.calls: dict[str, CallEvents] = {}
        """The events of those sessions, for others that tell of the same calls."""
        self.ended = asyncio.Event()
        """Set when `run` is over."""
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue(_WAITING)

    async def put(self, session_id: str, write: Write) -> asyncio.Future[None]:
        """Have something of a session written; the future is done once it is on disk.

        A job may be run again when its transaction's fate is unknown: it must change nothing the second time.

        Raises:
            MeshError: SHUTTING_DOWN once the recorder has ended.
        """
        if self.ended.is_set():
            raise MeshError(
                ErrorReason.ERROR_REASON_SHUTTING_DOWN, "the process has ended; call again", retry_after_s=1
            )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._jobs.put(_Job(session_id, write, otel.get_current(), done))
        return done

    async def file(self, connection: AsyncConnection, session_id: str, end: Ended) -> Ended:
        """File what was said in a call, in the transaction that ends it; return its end with where that lies."""
        if self._filing is None:
            return end
        transcript = await self._filing.file(connection, session_id)
        return replace(end, transcript=transcript, recordings=await self._filing.recordings(connection, session_id))

    def filed(self) -> None:
        """A transaction that ended calls is committed: what was filed may go to the store."""
        if self._filing is not None:
            self._filing.wake()

    async def run(self) -> None:
        """Write until told to close; a database that fails is tried again until it does not."""
        closing = False
        while not (closing and self._jobs.empty()):
            taken = [await self._jobs.get()]
            while len(taken) < _BATCH and not self._jobs.empty():
                taken.append(self._jobs.get_nowait())
            closing = closing or None in taken
            await self._write([job for job in taken if job is not None])
        self.ended.set()

    @property
    def waiting(self) -> int:
        """How many jobs wait to be written."""
        return self._jobs.qsize()

    async def close(self) -> None:
        """Write what waits, then end `run`."""
        await self._jobs.put(None)

    async def _write(self, batch: Sequence[_Job]) -> None:
        try:
            await self._persist(batch)
        except Exception as error:  # noqa: BLE001 - one call's bad record must not cost the others theirs
            if len(batch) > 1:
                for job in batch:
                    await self._write([job])
                return
            for job in batch:
                _log.error("record.refused", session_id=job.session_id, error=repr(error))
                _settle(job.done, error)
        else:
            for job in batch:
                _settle(job.done, None)

    async def _persist(self, batch: Sequence[_Job]) -> None:
        """Write in one transaction, however long the database is away; raise what trying again cannot mend."""
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
                if _is_the_job_s_fault(error):
                    raise
                failures += 1
                _log.warning("record.waiting", failures=failures, error=repr(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.05, limit_s=5.0))
            else:
                return


def _is_the_job_s_fault(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return isinstance(error, IntegrityError | DataError)
    return isinstance(error, StatementError)  # a value that is none for its column


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()  # logged above; raised where somebody waits


@contextlib.asynccontextmanager
async def recorder(
    outbox: Outbox,
    instance: str,
    *,
    summariser: Summariser | None = None,
    filing: Filing | None = None,
    recordings: Recordings | None = None,
    close_within_s: float = 10.0,
) -> AsyncIterator[Recorder]:
    """Run a recorder; on leaving, everything that waits is written first. Without a summariser the facts speak.

    Without `filing` no transcripts are kept beside the database.

    A database that is away for longer than `close_within_s` is not waited for: the calls' sessions stay open in it, and
    whoever finds them there closes them (`recovery.py`).
    """
    made = Recorder(outbox, instance, summariser, filing, recordings)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.run())
        yield made
        try:
            async with asyncio.timeout(close_within_s):
                await made.close()
                await made.ended.wait()
        except TimeoutError:
            _log.error("record.not_written", waiting=made.waiting, sessions=sorted(made.live))
            made.ended.set()
            running.cancel()
