"""Files what callers' turns sound like, where that is kept: beside the call, which never waits for it."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import prometheus_client
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh import logs
from mesh.backoff import backoff_s
from mesh.content import ContentError, ContentStore
from mesh.database import transaction
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.content.filing import add_content
from services.dialogue.content.places import RECORDING, recording_path
from services.dialogue.model import Content

MEDIA_TYPE = "audio/wav"
_WAITING = 64
_TRIES = 3
_log = logs.get_logger(__name__)
_recordings = prometheus_client.Counter(
    "voicemesh_recordings", "Recordings of turns, by what became of them.", ["result"]
)


@dataclass(frozen=True)
class _Recording:
    tenant_id: str
    session_id: str
    turn_id: str
    data: bytes
    written: asyncio.Future[None]


class Recordings:
    """Writes recordings to the content store. At most 64 wait; of more the next is lost, and counted."""

    def __init__(self, engine: AsyncEngine, store: ContentStore) -> None:
        self._engine = engine
        self._store = store
        self._queue: asyncio.Queue[_Recording] = asyncio.Queue(_WAITING)
        self._open: Counter[str] = Counter()
        self._done = asyncio.Condition()

    def offer(self, tenant_id: str, session_id: str, turn_id: str, data: bytes, written: asyncio.Future[None]) -> None:
        """Have a WAV file filed once the turn's own row is `written`; returns at once."""
        try:
            self._queue.put_nowait(_Recording(tenant_id, session_id, turn_id, data, written))
        except asyncio.QueueFull:
            _recordings.labels("lost").inc()
            return
        self._open[session_id] += 1

    async def settled(self, session_id: str, within_s: float) -> None:
        """Return once nothing of a session waits any more, or the time is over."""
        try:
            async with asyncio.timeout(within_s), self._done:
                await self._done.wait_for(lambda: not self._open[session_id])
        except TimeoutError:
            _log.warning("recording.late", session_id=session_id, waiting=self._open[session_id])

    async def run(self) -> None:
        """Write, for ever; what fails three times is lost, and counted."""
        while True:
            job = await self._queue.get()
            _recordings.labels(await self._file(job)).inc()
            async with self._done:
                self._open[job.session_id] -= 1
                if not self._open[job.session_id]:
                    del self._open[job.session_id]
                self._done.notify_all()

    async def _file(self, job: _Recording) -> str:
        """Write one; return what became of it: kept, lost, or erased as its call was meanwhile."""
        await asyncio.wait([job.written])
        for attempt in range(1, _TRIES + 1):
            try:
                kept = await self._write(job)
            except (ContentError, SQLAlchemyError, OSError) as error:
                _log.warning("recording.not_written", session_id=job.session_id, attempt=attempt, error=str(error))
                await asyncio.sleep(backoff_s(attempt, first_s=0.1, limit_s=1.0))
            else:
                return "kept" if kept else "erased"
        return "lost"

    async def _write(self, job: _Recording) -> bool:
        """Write the object, then its row; False when the call was erased: then neither is left.

        The object first: a process that dies in between leaves one that nobody refers to, swept in time.
        """
        began = sa.select(SESSIONS.c.started_at).where(
            SESSIONS.c.session_id == job.session_id, SESSIONS.c.content_gone_at.is_(None)
        )
        async with self._engine.connect() as connection:
            started_at = await connection.scalar(began)
        if started_at is None:
            return False
        path = recording_path(started_at, job.session_id, job.turn_id)
        reference = await self._store.put(job.tenant_id, path, job.data, MEDIA_TYPE)
        content = Content(reference.uri, reference.sha256, MEDIA_TYPE, reference.size, job.turn_id)
        async with transaction(self._engine) as connection:
            kept = await add_content(connection, job.session_id, RECORDING, content)
        if not kept:
            await self._store.delete(job.tenant_id, reference.uri)
        return kept
