"""What outlives a dialogue process: the database, the bucket of snapshots, the client."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.dialogue import model
from services.dialogue.keeper import Keeper
from services.dialogue.limits import Limits
from services.dialogue.line import Line
from services.dialogue.phrases import Phrases
from services.dialogue.ports import SnapshotsAwayError, SupersededError
from services.dialogue.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.conversation import Stage

    from services.dialogue.snapshot import Snapshot


@dataclass(frozen=True)
class Stored:
    document: bytes
    revision: int


@dataclass
class Bucket:
    """One session's snapshot, written by whoever knows its revision; writing takes a moment."""

    stored: Stored | None = None
    delay_s: float = 0.001

    async def save(self, session_id: str, document: bytes, revision: int | None) -> int:
        await asyncio.sleep(self.delay_s)
        if (self.stored.revision if self.stored else None) != revision:
            raise SupersededError(session_id)
        self.stored = Stored(document, (revision or 0) + 1)
        return self.stored.revision

    async def load(self, session_id: str) -> Stored | None:
        return self.stored

    async def forget(self, session_id: str, revision: int) -> None:
        if self.stored is not None and self.stored.revision == revision:
            self.stored = None


@dataclass
class Database:
    """Rows and events, each written once whoever writes it; a process that is dead writes nothing."""

    turns: dict[str, tuple[str, str]] = field(default_factory=dict)
    outcomes: dict[tuple[str, int], str] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    ended_at: float = 0.0

    def record(self, process: Process) -> Record:
        return Record(self, process)


LAG_S = 0.05


@dataclass
class Record:
    """One process's record of the call: what is put there is on disk a moment later, unless the process is killed."""

    database: Database
    process: Process
    waiting: deque[tuple[Callable[[], Any], asyncio.Future[None]]] = field(default_factory=deque)

    def _put(self, write: Callable[[], Any]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self.waiting.append((write, done))
        loop.call_later(LAG_S, self._on_disk, done)
        return done

    def _on_disk(self, last: asyncio.Future[None] | None = None) -> None:
        """Write what was put here, up to `last`; all of it without."""
        while self.waiting and not (last is not None and last.done()):
            write, done = self.waiting.popleft()
            if self.process.alive:
                write()
            if not done.done():
                done.set_result(None)

    async def written(self) -> None:
        await self._put(lambda: None)

    async def started(self, at: Any) -> None: ...

    def identified(self, contact_id: str, name: str) -> None: ...

    async def turn(self, turn_id: str, heard: model.Heard, understanding: model.Understanding) -> None:
        self._put(lambda: self.database.turns.setdefault(turn_id, ("caller", heard.text)))

    async def spoke(self, turn_id: str, text: str, state: Any) -> None:
        self._put(lambda: self.database.turns.setdefault(turn_id, ("agent", text)))

    def tape(self, form, begin):
        return None

    async def took_effect(self, turn_id: str, outcomes: Any, state: Any) -> None:
        def write() -> None:
            for index, outcome in enumerate(outcomes):
                self.database.outcomes.setdefault((turn_id, index), outcome.event)

        self._put(write)

    async def ended(self, end: model.Ended, state: Any, sentiment: Any) -> model.Ended:
        # At once: what a client says between the end and hearing of it belongs to no call.
        self._on_disk()
        if self.process.alive:
            self.database.ends.append(end.disposition)
            self.database.ended_at = asyncio.get_running_loop().time()
        return end


@dataclass
class Reach:
    """A process's way to the bucket: gone with the process."""

    bucket: Bucket
    process: Process

    async def save(self, session_id: str, document: bytes, revision: int | None) -> int:
        if not self.process.alive:
            raise SnapshotsAwayError("dead")
        return await self.bucket.save(session_id, document, revision)

    async def load(self, session_id: str) -> Stored | None:
        return await self.bucket.load(session_id)

    async def forget(self, session_id: str, revision: int) -> None:
        if self.process.alive:
            await self.bucket.forget(session_id, revision)


class Process:
    """A dialogue process that holds the one session, until it is killed."""

    def __init__(self, stage: Stage, bucket: Bucket, database: Database, taken: Snapshot | None) -> None:
        self.alive = True
        self.stage = stage
        revision = bucket.stored.revision if taken is not None and bucket.stored is not None else None
        self.keeper = Keeper(Reach(bucket, self), stage.info.session_id, revision)
        self.line = Line(
            30.0,
            next_sequence=taken.next_sequence if taken else 0,
            next_audio=taken.audio.sequence if taken else 0,
            last_request=taken.last_request if taken else 0,
        )
        self.session = Session(
            taken.info if taken else stage.info,
            policy=stage.policy,
            neighbours=stage,
            record=database.record(self),
            emit=self.line.emit,
            limits=Limits(session_s=600, silence_s=8, forward_ms=lambda: 40, drain_s=5, resume_s=30),
            supported_languages=("en-US",),
            phrases=Phrases(),
            habits=stage.habits,
            actions=stage.actions,
            line=self.line,
            keeper=self.keeper,
            token="t",
            taken=taken,
        )

    async def run(self) -> None:
        try:
            await self.session.run(self.line.inputs(), model.Started(self.stage.info, "process"), asyncio.Event())
        finally:
            self.line.close()


@dataclass
class Client:
    """Says things, each once; hears things, each once; comes back to whoever has the session."""

    sent: list[model.CallerText | model.CallerKeys | model.Playback | model.EndSession] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    heard: dict[int, model.SessionOutput] = field(default_factory=dict)
    received: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def attach(self, process: Process) -> None:
        """Serve this client's connection to a process, for as long as that lives."""
        ticket = process.line.attach(self.received)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send(process, process.line.last_request, ticket))
            try:
                await process.line.pump(self._hear, ticket)
            finally:
                process.line.detach(ticket)
                sending.cancel()

    async def _send(self, process: Process, arrived: int, ticket: int) -> None:
        while True:
            while arrived < len(self.sent):
                arrived += 1
                await process.line.take(self.sent[arrived - 1], arrived, ticket)
            self._more.clear()
            await self._more.wait()

    async def say(self, item: Any) -> None:
        """Say something, over the connection there is or the next one."""
        self.sent.append(item)
        self.sent_at.append(asyncio.get_running_loop().time())
        self._more.set()

    async def _hear(self, output: model.SessionOutput, sequence: int) -> None:
        assert sequence not in self.heard, "no message comes twice"
        assert self.received is None or sequence > self.received, "messages come in order"
        self.heard[sequence] = output
        self.received = sequence
        if isinstance(output, model.Ended):
            self.over.set()
