"""What the client has to say, kept until the mesh can not ask for it again."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client.queues import Closed

if TYPE_CHECKING:
    from collections.abc import Iterable

# Sent audio is kept this long, to be sent again after a dropped connection.
REPLAY_S = 5.0
# What is captured while there is no connection waits, up to this much.
BACKLOG_S = 30.0
BACKLOG_BYTES = 8 * 1024 * 1024
# Without audio between them, this many sent messages are kept.
_KEPT_MESSAGES = 64
# Of so many turns of the agent the last report of playback is kept.
_KEPT_REPORTS = 8
# What does no harm when it arrives twice: it says how things are, not that something more happened.
_REPEATABLE = frozenset({"update", "end_of_audio", "end"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message in its place; `sequence` is that of a frame of audio, None for all else."""

    request: ConverseRequest
    sequence: int | None = None
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        return self.request.WhichOneof("request") or ""

    @property
    def size(self) -> int:
        return len(self.request.audio.data)


class _Shelf:
    """Entries in order, with the audio in them added up."""

    def __init__(self) -> None:
        self.entries: deque[_Entry] = deque()
        self.seconds = 0.0
        self.size = 0
        self.messages = 0

    def append(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self._count(entry, 1)

    def popleft(self) -> _Entry:
        entry = self.entries.popleft()
        self._count(entry, -1)
        return entry

    def replace(self, entries: Iterable[_Entry]) -> None:
        self.entries, self.seconds, self.size, self.messages = deque(), 0.0, 0, 0
        for entry in entries:
            self.append(entry)

    def _count(self, entry: _Entry, sign: int) -> None:
        if entry.sequence is None:
            self.messages += sign
        else:
            self.seconds += sign * entry.seconds
            self.size += sign * entry.size


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the messages that were under way when a connection dropped."""

    frames: int
    """Frames of audio that are sent again, or for the first time."""
    lost_s: float
    """Seconds of audio that the mesh has not got and the client has no more."""
    uncertain: tuple[str, ...]
    """Kinds of messages that may have arrived or not, and are not sent again."""


class Feed:
    """What one connection takes its messages from, until another one is attached."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def get(self) -> ConverseRequest:
        """The next message to send, waiting for one. Raises Closed when none will come on this connection."""
        return await self._outgoing.take(self)

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return self._outgoing.waiting


class Outgoing:
    """All that the client says in a session, in order, over all its connections.

    Frames of audio are numbered here, without a gap. What was sent stays for `replay_s` seconds of audio (or 64
    messages, where no audio is sent), so that `rewind` can go back to where the mesh says it was. A message that
    changes nothing when it comes twice is sent again if it may have been lost; typed text and telephone keys are
    sent again only if they can not have arrived: something said twice is worse than something asked for again.

    At most `capacity` messages wait to be sent on a connection. Without a connection, and until its backlog is
    sent, `backlog_s` seconds or `backlog_bytes` of audio may wait, and `capacity` other messages. When it is
    full, `put` and `put_audio` wait; nothing is thrown away.
    """

    def __init__(
        self,
        capacity: int,
        *,
        replay_s: float = REPLAY_S,
        backlog_s: float = BACKLOG_S,
        backlog_bytes: int = BACKLOG_BYTES,
    ) -> None:
        self._capacity = capacity
        self._replay_s = replay_s
        self._backlog_s = backlog_s
        self._backlog_bytes = backlog_bytes
        self._sent = _Shelf()
        self._unsent = _Shelf()
        self._reports: dict[str, ConverseRequest] = {}
        self._fresh_reports: set[str] = set()
        self._feed: Feed | None = None
        self._closed = False
        self._changed = asyncio.Event()
        self.next_sequence = 0
        """The number of the frame that comes next."""

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return len(self._unsent.entries) + len(self._fresh_reports)

    @property
    def first_replayable(self) -> int | None:
        """The oldest frame that can be sent again; None when no audio is kept."""
        for shelf in (self._sent, self._unsent):
            for entry in shelf.entries:
                if entry.sequence is not None:
                    return entry.sequence
        return None

    async def put(self, request: ConverseRequest) -> None:
        """Takes a message in, waiting while it is full. Raises Closed once nothing more is taken."""
        await self._room()
        self._store(_Entry(request))

    async def put_audio(self, data: bytes, seconds: float) -> None:
        """Takes a frame of audio in and numbers it, waiting while it is full. Raises Closed as `put` does."""
        await self._room()
        audio = dialogue_pb2.CallerAudio(data=data, sequence=self.next_sequence)
        self._store(_Entry(ConverseRequest(audio=audio), self.next_sequence, seconds))
        self.next_sequence += 1

    def report(self, request: ConverseRequest) -> None:
        """Takes a report of playback in, without waiting: it takes the place of an older one of the same turn.

        The last reports of 8 turns are kept; with more, the oldest are forgotten. Nothing is taken once closed.
        """
        if self._closed:
            return
        turn_id = request.playback.turn_id
        self._reports.pop(turn_id, None)
        self._reports[turn_id] = request
        self._fresh_reports.add(turn_id)
        while len(self._reports) > _KEPT_REPORTS:
            oldest = next(iter(self._reports))
            del self._reports[oldest]
            self._fresh_reports.discard(oldest)
        self._notify()

    async def take(self, feed: Feed) -> ConverseRequest:
        """The next message for a connection. Raises Closed when it is not the attached one, or at the end."""
        await self._until(lambda: feed is not self._feed or self._closed or self.waiting > 0)
        if feed is not self._feed or not self.waiting:
            raise Closed
        request = self._next_report() or self._send_next()
        self._notify()
        return request

    def attach(self) -> Feed:
        """Lets another connection have what is to be sent; the one before gets nothing more."""
        self._feed = Feed(self)
        self._notify()
        return self._feed

    def detach(self) -> None:
        """Keeps everything: there is no connection."""
        self._feed = None
        self._notify()

    def rewind(self, next_sequence: int) -> Replay:
        """Goes back to the frame the mesh expects next, so that the connection attached then begins there.

        Raises ValueError for a frame that was never made.
        """
        if next_sequence > self.next_sequence:
            raise ValueError(f"frame {next_sequence} is asked for and {self.next_sequence} comes next")
        first = self.first_replayable
        behind = self.next_sequence if first is None else first
        lost_s = self._missing_s(next_sequence, behind)
        uncertain, again = self._sort(next_sequence)
        ahead = [e for e in self._unsent.entries if e.sequence is None or e.sequence >= next_sequence]
        self._unsent.replace([*again, *ahead])
        self._fresh_reports = set(self._reports)
        self._notify()
        frames = sum(entry.sequence is not None for entry in self._unsent.entries)
        return Replay(frames=frames, lost_s=lost_s, uncertain=uncertain)

    def close(self) -> None:
        """Lets nothing more in; what is there is sent still."""
        self._closed = True
        self._notify()

    def _sort(self, next_sequence: int) -> tuple[tuple[str, ...], list[_Entry]]:
        """Sorts what was sent into what has arrived (which stays), what is uncertain, and what is sent again.

        A connection keeps the order, so all before the last frame that arrived has arrived, and nothing from the
        first missing frame on. What lies between the two may have arrived or not.
        """
        entries = list(self._sent.entries)
        got = [i for i, e in enumerate(entries) if e.sequence is not None and e.sequence < next_sequence]
        missing = [i for i, e in enumerate(entries) if e.sequence is not None and e.sequence >= next_sequence]
        begin = got[-1] + 1 if got else 0
        end = missing[0] if missing else len(entries)
        between = entries[begin:end]
        self._sent.replace(entries[:begin])
        uncertain = tuple(entry.kind for entry in between if entry.kind not in _REPEATABLE)
        return uncertain, [e for e in between if e.kind in _REPEATABLE] + entries[end:]

    def _missing_s(self, next_sequence: int, first: int) -> float:
        frames = [e for shelf in (self._sent, self._unsent) for e in shelf.entries if e.sequence is not None]
        return max(0, first - next_sequence) * (frames[0].seconds if frames else 0.0)

    def _next_report(self) -> ConverseRequest | None:
        for turn_id, request in self._reports.items():
            if turn_id in self._fresh_reports:
                self._fresh_reports.discard(turn_id)
                return request
        return None

    def _send_next(self) -> ConverseRequest:
        entry = self._unsent.popleft()
        self._sent.append(entry)
        while self._sent.seconds > self._replay_s + 1e-9 or self._sent.messages > _KEPT_MESSAGES:
            self._sent.popleft()
        return entry.request

    def _store(self, entry: _Entry) -> None:
        self._unsent.append(entry)
        self._notify()

    async def _room(self) -> None:
        await self._until(lambda: self._closed or self._has_room())
        if self._closed:
            raise Closed

    def _has_room(self) -> bool:
        if self._feed is not None:
            return len(self._unsent.entries) < self._capacity
        audio = self._unsent.seconds < self._backlog_s and self._unsent.size < self._backlog_bytes
        return audio and self._unsent.messages < self._capacity

    async def _until(self, holds: object) -> None:
        assert callable(holds)
        while not holds():
            await self._changed.wait()

    def _notify(self) -> None:
        """Wakes all who wait; who finds nothing for it waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()
