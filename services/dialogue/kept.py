"""A session as it is kept for other instances: when its snapshot is written, and whose it is."""

import asyncio
from collections.abc import Callable

from services.dialogue import beside, model
from services.dialogue.keeper import Keeper
from services.dialogue.line import Line
from services.dialogue.ports import CallRecord
from services.dialogue.snapshot import Snapshot, digest
from services.dialogue.turns.floor import Floor


class Kept:
    """Has the snapshot written whenever the conversation has moved on.

    Args:
        keeper: writes it.
        line: to the client.
        token: what resumes the session.
        owner: this process's name.
        record: what the snapshot says has happened is on disk before it is written.
        info: what the session is now.
        elapsed: how long it has lasted, in seconds.
    """

    def __init__(
        self,
        keeper: Keeper,
        line: Line,
        *,
        token: str,
        owner: str,
        record: CallRecord,
        info: Callable[[], model.SessionInfo],
        elapsed: Callable[[], float],
    ) -> None:
        self._keeper = keeper
        self._line = line
        self._token_sha256 = digest(token)
        self._owner = owner
        self._record = record
        self._info = info
        self._elapsed = elapsed
        self._floor: Floor | None = None
        self._seen: tuple[object, ...] = ()
        self._last: Snapshot | None = None

    def keep(self, floor: Floor, tasks: asyncio.TaskGroup, tell: beside.Tell) -> list[asyncio.Task[None]]:
        """Begin to keep a conversation; the tasks run until they are cancelled."""
        self._floor = floor
        return [
            tasks.create_task(self._keeper.run(self._snapshot, self._record.written)),
            tasks.create_task(beside.watch_owner(self._keeper, tell)),
        ]

    def look(self, floor: Floor) -> None:
        """Have the snapshot written when the conversation has moved on."""
        seen = floor.standing()
        if seen != self._seen:
            self._seen = seen
            self._keeper.changed()

    def _snapshot(self) -> Snapshot | None:
        floor = self._floor
        if floor is None or floor.answers.state is None or floor.over is not None:
            return None
        self._last = floor.snapshot(
            info=self._info(),
            token_sha256=self._token_sha256,
            owner=self._owner,
            elapsed_s=self._elapsed(),
            next_sequence=self._line.next_sequence,
            last_request=self._line.acted_upon,
        )
        return self._last

    async def belongs_to_another(self) -> bool:
        """Return whether another instance goes on with the session: then its outcome is theirs to leave."""
        if self._last is not None:
            # Whoever took it over has written: then this fails.
            await self._record.written()
            await self._keeper.write(self._last)
        return self._keeper.superseded.is_set()

    async def forget(self) -> None:
        """The session is over."""
        await self._keeper.forget()
