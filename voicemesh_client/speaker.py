"""Plays the agent's audio on a clock and tells the mesh what the caller has heard."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from voicemesh_client.clock import Pacer
from voicemesh_client.events import AgentAudio, AgentTurn, AgentTurnEnded, ResumePlayback, StopPlayback

if TYPE_CHECKING:
    from voicemesh_client.audio import AudioFormat
    from voicemesh_client.clock import Clock
    from voicemesh_client.events import SessionEvent

_log = logging.getLogger(__name__)
# How many finished turns are remembered, so that audio of theirs that comes late is not played.
_REMEMBERED_TURNS = 64


@dataclass(frozen=True)
class PlayedAudio:
    """A piece of the agent's speech at the moment it is played.

    `data` is in the session's output format, `offset` counts from the beginning of the turn in seconds, `at`
    is when its first sample is played, on the session's clock.
    """

    turn_id: str
    data: bytes = field(repr=False)
    offset: float
    at: float


Sink: TypeAlias = Callable[[PlayedAudio], Awaitable[None] | None]
"""What the agent's audio is played by: called with each piece when its time has come, in order."""


@runtime_checkable
class BufferingSink(Protocol):
    """A sink that holds audio it was called with and has not played yet, for example a sound card's.

    Its three methods are called as soon as the mesh says so. A sink without them plays each piece (20 ms) to its
    end; what a buffering sink holds was acknowledged as heard already, so it should hold little.
    """

    def __call__(self, piece: PlayedAudio) -> Awaitable[None] | None:
        """Plays a piece behind those before it."""
        ...

    def pause(self, turn_id: str) -> None:
        """Falls silent at once and keeps what it holds."""
        ...

    def resume(self, turn_id: str) -> None:
        """Goes on where it fell silent."""
        ...

    def discard(self, turn_id: str) -> None:
        """Falls silent at once, forgets what it holds of the turn, and is ready for the next one."""
        ...


Acknowledge: TypeAlias = Callable[[str, float, bool], Awaitable[None]]
"""Tells the mesh of playback: the turn's id, seconds of it that were played, whether nothing is left."""


@dataclass
class _Turn:
    """An agent's turn that is not finished."""

    turn_id: str
    played: float = 0.0
    reported: float = 0.0
    complete: bool = False
    """Whether no more audio of it is taken: all of it has come, or it was stopped for good."""
    paused: bool = False
    """Whether it was stopped and may go on: its audio is kept and not played."""


@dataclass
class _Chunk:
    """Audio that waits to be played."""

    turn_id: str
    offset: float
    data: bytes


@dataclass
class _Mark:
    """The place in the audio where the mesh is told how far the turn was played."""

    turn_id: str
    finished: bool


class Speaker:
    """A player of the agent's audio: in real time on a clock, into a sink or into nothing.

    It begins with audio as it comes and plays turns one behind the other. A StopPlayback is obeyed within one
    piece (20 ms): if the turn may resume, its audio is kept and more of it is taken in until ResumePlayback lets
    it go on at the next sample; if not, its audio is void. It acknowledges about every 100 ms, at once when it
    stops, and at the end of each turn.

    It holds at most `max_buffer_s` seconds of audio that was not played yet. What comes beyond that is not
    played and a warning is logged: to stop reading instead would hold back a StopPlayback as well.
    """

    def __init__(
        self,
        form: AudioFormat | None,
        clock: Clock,
        acknowledge: Acknowledge,
        *,
        sink: Sink | None = None,
        max_buffer_s: float = 120.0,
        piece_s: float = 0.02,
        report_every_s: float = 0.1,
    ) -> None:
        self._form = form
        self._pacer = Pacer(clock)
        self._acknowledge = acknowledge
        self._sink = sink
        self._buffering = sink if isinstance(sink, BufferingSink) else None
        self._max_buffer_s = max_buffer_s
        self._piece_s = piece_s
        self._report_every_s = report_every_s
        self._items: deque[_Chunk | _Mark] = deque()
        self._buffered_s = 0.0
        self._turns: dict[str, _Turn] = {}
        self._finished: deque[str] = deque(maxlen=_REMEMBERED_TURNS)
        self._playing = False
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def idle(self) -> bool:
        """Whether the agent has nothing more to say: no turn is open and nothing waits to be played."""
        return not (self._turns or self._items or self._playing)

    @property
    def buffered_s(self) -> float:
        """Seconds of audio that wait to be played."""
        return self._buffered_s

    async def wait_idle(self) -> None:
        """Waits until the agent has finished speaking."""
        await self._idle.wait()

    def take(self, event: SessionEvent) -> None:
        """Takes note of an event of the session; never waits."""
        match event:
            case AgentTurn():
                self._turn(event.turn_id)
            case AgentAudio():
                self._take_audio(event)
            case AgentTurnEnded():
                turn = self._turn(event.turn_id)
                if turn is not None and not turn.complete:
                    turn.complete = True
                    self._items.append(_Mark(event.turn_id, finished=True))
            case StopPlayback():
                self._stop(event)
            case ResumePlayback():
                self._resume(event.turn_id)
            case _:
                return
        self._changed()

    def end_of_stream(self) -> None:
        """No more audio comes: what is there is played to its end, but for a turn that is paused, which is void."""
        for turn in [turn for turn in self._turns.values() if turn.paused]:
            self._void(turn)
        self._items.extend(_Mark(turn.turn_id, finished=True) for turn in self._turns.values() if not turn.complete)
        self._changed()

    async def run(self) -> None:
        """Plays until it is cancelled. What the sink raises passes through."""
        while True:
            if not self._ready():
                # After a gap, the next audio is played when it comes, not when it would have been due.
                self._pacer.restart()
                await self._work.wait()
            item = self._items.popleft()
            self._playing = True
            try:
                if isinstance(item, _Chunk):
                    await self._play(item)
                else:
                    await self._report(item)
            finally:
                self._playing = False
                self._changed()

    def _turn(self, turn_id: str) -> _Turn | None:
        """The turn, opened if it is new; None if it is finished already."""
        if turn_id in self._finished:
            return None
        return self._turns.setdefault(turn_id, _Turn(turn_id))

    def _take_audio(self, audio: AgentAudio) -> None:
        turn = self._turn(audio.turn_id)
        if self._form is None or not audio.data or turn is None or turn.complete:
            return
        duration_s = self._form.duration(len(audio.data))
        if self._buffered_s + duration_s > self._max_buffer_s:
            _log.warning("more than %.0f s of the agent's audio wait: dropped", self._max_buffer_s)
            return
        self._buffered_s += duration_s
        self._items.append(_Chunk(audio.turn_id, audio.offset, audio.data))

    def _stop(self, stop: StopPlayback) -> None:
        turn = self._turn(stop.turn_id)
        if turn is None:
            return
        if not stop.may_resume:
            self._void(turn)
            return
        turn.paused = True
        if self._buffering is not None:
            self._buffering.pause(turn.turn_id)
        self._items.appendleft(_Mark(turn.turn_id, finished=False))

    def _void(self, turn: _Turn) -> None:
        turn.paused, turn.complete = False, True
        if self._buffering is not None:
            self._buffering.discard(turn.turn_id)
        self._items = deque(item for item in self._items if item.turn_id != turn.turn_id)
        self._items.appendleft(_Mark(turn.turn_id, finished=True))
        self._buffered_s = sum(
            self._form.duration(len(item.data))
            for item in self._items
            if isinstance(item, _Chunk) and self._form is not None
        )

    def _resume(self, turn_id: str) -> None:
        turn = self._turns.get(turn_id)
        if turn is None or not turn.paused:
            return
        turn.paused = False
        if self._buffering is not None:
            self._buffering.resume(turn_id)

    async def _play(self, chunk: _Chunk) -> None:
        """Plays the first piece of a chunk and puts the rest back."""
        assert self._form is not None  # without a format no chunk is taken in
        size = max(self._form.frame_bytes, self._form.size(self._piece_s))
        piece, rest = chunk.data[:size], chunk.data[size:]
        duration_s = self._form.duration(len(piece))
        self._buffered_s = max(0.0, self._buffered_s - duration_s)
        if rest:
            self._items.appendleft(_Chunk(chunk.turn_id, chunk.offset + duration_s, rest))
        if self._sink is not None:
            result = self._sink(PlayedAudio(chunk.turn_id, piece, chunk.offset, self._pacer.begin()))
            if inspect.isawaitable(result):
                await result
        await self._pacer.pass_by(duration_s)
        turn = self._turns[chunk.turn_id]
        turn.played = chunk.offset + duration_s
        if turn.played - turn.reported >= self._report_every_s - 1e-9:
            turn.reported = turn.played
            await self._acknowledge(turn.turn_id, turn.played, False)

    async def _report(self, mark: _Mark) -> None:
        turn = self._turns.get(mark.turn_id)
        if turn is None:
            return
        if mark.finished:
            del self._turns[mark.turn_id]
            self._finished.append(mark.turn_id)
        turn.reported = turn.played
        await self._acknowledge(turn.turn_id, turn.played, mark.finished)

    def _ready(self) -> bool:
        """Whether there is something to do: a turn that is paused waits, and all behind it."""
        if not self._items:
            return False
        turn = self._turns.get(self._items[0].turn_id)
        says_where = isinstance(self._items[0], _Mark) and not self._items[0].finished
        return says_where or turn is None or not turn.paused

    def _changed(self) -> None:
        for event, holds in ((self._work, self._ready()), (self._idle, self.idle)):
            if holds:
                event.set()
            else:
                event.clear()
