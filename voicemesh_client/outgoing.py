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
    from collections.abc import Callable, Iterable

# Sent audio is kept this long, to be sent again after a dropped connection.
REPLAY_S = 5.0
# What is captured while there is no connection waits, up to this much.
BACKLOG_S = 30.0
BACKLOG_BYTES = 8 * 1024 * 1024
# So many sent messages that are no audio are kept, however old they are.
KEPT_MESSAGES = 64
# Of so many turns of the agent the last report of playback is kept.
_KEPT_REPORTS = 8


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message: its place among all, its number among the frames of audio or among the rest."""

    place: int
    request: ConverseRequest
    number: int
    seconds: float = 0.0

    @property
    def is_audio(self) -> bool:
        return self.request.HasField("audio")

    @property
    def size(self) -> int:
        return len(self.request.audio.data)


class _Shelf:
    """Entries in order, with what they hold added up."""

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
        self.messages += 0 if entry.is_audio else sign
        self.seconds += sign * entry.seconds
        self.size += sign * entry.size


@dataclass(frozen=True, slots=True)
class Replay:
    """What becomes of the messages that were under way when a connection dropped."""

    waiting: int
    """Messages that are sent now: again, or for the first time."""
    lost_s: float
    """Seconds of audio that the mesh has not got and the client has no more."""
    lost_messages: int
    """Other messages of which that is true."""


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

    def end(self) -> None:
        """The connection is gone: it gets nothing more, and everything is kept for another one."""
        self._outgoing.detach(self)


class Outgoing:
    """All that the client says in a session, in order, over all its connections.

    Frames of audio are numbered here from 0 and other messages from 1, without a gap. Of what was sent, `replay_s`
    seconds of audio and the last 64 other messages stay, so that `rewind` can go back to where the mesh says it is:
    nothing is sent twice that it has, and nothing left out that it has not. Reports of playback have no number:
    each says all that those before it said.

    At most `capacity` messages wait to be sent on a connection. Without a connection, `backlog_s` seconds or
    `backlog_bytes` of audio and `capacity` other messages may wait. When it is full, `put` and `put_audio` wait;
    nothing is thrown away.
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
        self._unsent = _Shelf()
        self._sent_audio = _Shelf()
        self._sent_messages: deque[_Entry] = deque(maxlen=KEPT_MESSAGES)
        self._reports: dict[str, ConverseRequest] = {}
        self._unsent_reports: dict[str, ConverseRequest] = {}
        self._places = 0
        self._frames = 0
        self._messages = 0
        self._feed: Feed | None = None
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return len(self._unsent.entries) + len(self._unsent_reports)

    @property
    def first_replayable(self) -> int | None:
        """The oldest frame that can be sent again; None when no audio is kept."""
        return next((entry.number for entry in self._audio()), None)

    async def put(self, request: ConverseRequest) -> None:
        """Takes a message in and numbers it, waiting while it is full. Raises Closed once nothing more is taken."""
        await self._room()
        self._messages += 1
        request.sequence = self._messages
        self._store(request, self._messages)

    async def put_audio(self, data: bytes, seconds: float) -> None:
        """Takes a frame of audio in and numbers it, waiting while it is full. Raises Closed as `put` does."""
        await self._room()
        audio = dialogue_pb2.CallerAudio(data=data, sequence=self._frames)
        self._frames += 1
        self._store(ConverseRequest(audio=audio), self._frames - 1, seconds)

    def report(self, request: ConverseRequest) -> None:
        """Takes a report of playback in, without waiting: it takes the place of an older one of the same turn.

        The last reports of 8 turns are kept; with more, the oldest are forgotten. Nothing is taken once closed.
        """
        if self._closed:
            return
        for reports in (self._reports, self._unsent_reports):
            reports.pop(request.playback.turn_id, None)
            reports[request.playback.turn_id] = request
            if len(reports) > _KEPT_REPORTS:
                del reports[next(iter(reports))]
        self._notify()

    async def take(self, feed: Feed) -> ConverseRequest:
        """The next message for a connection. Raises Closed when it is not the attached one, or at the end."""
        await self._until(lambda: feed is not self._feed or self._closed or self.waiting > 0)
        if feed is not self._feed or not self.waiting:
            raise Closed
        request = self._next_report() or self._next_entry()
        self._notify()
        return request

    def attach(self) -> Feed:
        """Lets another connection have what is to be sent; the one before gets nothing more."""
        self._feed = Feed(self)
        self._notify()
        return self._feed

    def detach(self, feed: Feed) -> None:
        """Keeps everything for another connection; nothing happens when that is attached already."""
        if feed is self._feed:
            self._feed = None
            self._notify()

    def rewind(self, next_frame: int, last_message: int) -> Replay:
        """Goes back to where the mesh is, so that the connection attached then begins there.

        `next_frame` is the frame of audio that the mesh expects, `last_message` the number of the last other
        message that it has; 0: none. Raises ValueError for numbers that were never given.
        """
        if next_frame > self._frames or last_message > self._messages:
            text = f"the mesh has frames up to {next_frame - 1} and messages up to {last_message}, which never were"
            raise ValueError(text)
        frames, messages = list(self._audio()), list(self._others())
        first_frame = frames[0].number if frames else self._frames
        first_message = messages[0].number if messages else self._messages + 1
        again = [e for e in frames if e.number >= next_frame] + [e for e in messages if e.number > last_message]
        self._sent_audio.replace(e for e in self._sent_audio.entries if e.number < next_frame)
        kept = [e for e in self._sent_messages if e.number <= last_message]
        self._sent_messages = deque(kept, maxlen=KEPT_MESSAGES)
        self._unsent.replace(sorted(again, key=lambda entry: entry.place))
        self._unsent_reports = dict(self._reports)
        self._notify()
        return Replay(
            waiting=self.waiting,
            lost_s=max(0, first_frame - next_frame) * (frames[0].seconds if frames else 0.0),
            lost_messages=max(0, first_message - 1 - last_message),
        )

    def close(self) -> None:
        """Lets nothing more in; what is there is sent still."""
        self._closed = True
        self._notify()

    def _audio(self) -> Iterable[_Entry]:
        yield from self._sent_audio.entries
        yield from (entry for entry in self._unsent.entries if entry.is_audio)

    def _others(self) -> Iterable[_Entry]:
        yield from self._sent_messages
        yield from (entry for entry in self._unsent.entries if not entry.is_audio)

    def _next_report(self) -> ConverseRequest | None:
        if not self._unsent_reports:
            return None
        return self._unsent_reports.pop(next(iter(self._unsent_reports)))

    def _next_entry(self) -> ConverseRequest:
        entry = self._unsent.popleft()
        if not entry.is_audio:
            self._sent_messages.append(entry)
            return entry.request
        self._sent_audio.append(entry)
        while self._sent_audio.seconds > self._replay_s + 1e-6:
            self._sent_audio.popleft()
        return entry.request

    def _store(self, request: ConverseRequest, number: int, seconds: float = 0.0) -> None:
        self._unsent.append(_Entry(self._places, request, number, seconds))
        self._places += 1
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

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()

    def _notify(self) -> None:
        """Wakes all who wait; who finds nothing for it waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()
