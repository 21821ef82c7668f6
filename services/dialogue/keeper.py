"""Keeps one session's snapshot current, off the hot path."""

import asyncio
from collections.abc import Awaitable, Callable

from mesh import logs
from services.dialogue import metrics
from services.dialogue.ports import SnapshotsAwayError, SnapshotStore, SupersededError
from services.dialogue.snapshot import Snapshot, SnapshotError

_log = logs.get_logger(__name__)
_AGAIN_S = 0.2


def _owner(document: bytes) -> str:
    """Return whose a snapshot is; nobody's where it cannot be read."""
    try:
        return Snapshot.from_json(document).owner
    except SnapshotError:
        return ""


class Keeper:
    """Writes the newest snapshot whenever there is a newer one; what came between is never written.

    Args:
        store: where snapshots are.
        session_id: the session's.
        revision: of the snapshot that was taken over; None: the session is new.
    """

    def __init__(self, store: SnapshotStore, session_id: str, revision: int | None = None) -> None:
        self.superseded = asyncio.Event()
        """Set once another instance has the session."""
        self._store = store
        self._session_id = session_id
        self._revision = revision
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()

    def changed(self) -> None:
        """There is something new to keep."""
        self._changed.set()

    async def run(self, snapshot: Callable[[], Snapshot | None], written: Callable[[], Awaitable[None]]) -> None:
        """Write for ever, until another instance has the session.

        `written` returns once the call's record holds what the snapshot says has happened: else what took effect
        just before a process died would be in the snapshot, and nowhere else.
        """
        while not self.superseded.is_set():
            await self._changed.wait()
            self._changed.clear()
            newest = snapshot()
            await written()
            if newest is not None and not await self.write(newest):
                await asyncio.sleep(_AGAIN_S)
                self._changed.set()

    async def write(self, snapshot: Snapshot) -> bool:
        """Write a snapshot now; False when it is not known to be written."""
        async with self._writing:
            try:
                await self._save(snapshot)
            except SupersededError:
                self.superseded.set()
                return False
            except SnapshotsAwayError as error:
                metrics.SNAPSHOTS_MISSED.inc()
                _log.info("snapshot.not_written", session_id=self._session_id, error=str(error))
                return False
        metrics.SNAPSHOTS.inc()
        return True

    async def _save(self, snapshot: Snapshot) -> None:
        document = snapshot.to_json()
        try:
            self._revision = await self._store.save(self._session_id, document, self._revision)
        except SupersededError:
            # A write of our own whose answer never came - cut off, or late - looks the same: its owner tells. A
            # document that is gone was lost with the broker's store, or its call has its one outcome in the database.
            stored = await self._store.load(self._session_id)
            if stored is not None and _owner(stored.document) != snapshot.owner:
                raise
            revision = stored.revision if stored is not None else None
            self._revision = await self._store.save(self._session_id, document, revision)

    async def forget(self) -> None:
        """The session is over."""
        if self._revision is None:
            return
        try:
            await self._store.forget(self._session_id, self._revision)
        except (SnapshotsAwayError, SupersededError) as error:
            _log.info("snapshot.not_deleted", session_id=self._session_id, error=repr(error))
