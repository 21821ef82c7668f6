"""The line between a session and its client: it outlives connections.

What the session says is numbered and kept for a while, so that a connection that was dropped can be made good. What
the client says is passed on once, in order, whatever connection it came by.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from mesh.errors import ErrorReason, MeshError
from services.dialogue import model

_UNSENT = 64
_INPUTS = 64
_KEPT_BYTES = 2_000_000
_OVERHEAD_BYTES = 200

Send = Callable[[model.SessionOutput, int], Awaitable[None]]
"""Sends an output with its sequence number; waits while the client reads slowly."""


@dataclass(frozen=True, slots=True)
class _Kept:
    sequence: int
    output: model.SessionOutput | None
    """None: it was sent outside the row."""
    size: int
    at: float


class Line:
    """One session's line.

    While a connection is there, at most 64 outputs wait to be sent by it; then `emit` waits. Outputs are kept for
    `keep_s` seconds, 2 MB at most, the oldest going first. At most 64 inputs wait for the session; then the reader of
    the connection waits.

    Args:
        keep_s: how long after its sending an output can be asked for again.
        next_sequence: number of the first output.
        next_audio: number of the first frame of audio expected.
        last_request: number of the last other request that arrived.
    """

    def __init__(self, keep_s: float, *, next_sequence: int = 0, next_audio: int = 0, last_request: int = 0) -> None:
        self.next_sequence = next_sequence
        self.next_audio = next_audio
        self.last_request = last_request
        self.acted_upon = last_request
        """Number of the last request that the session has acted upon."""
        self.attached = False
        """Whether a connection is there."""
        self.changed = asyncio.Event()
        """Set when `attached` changed."""
        self._keep_s = keep_s
        self._loop = asyncio.get_running_loop()
        self._kept: deque[_Kept] = deque()
        self._size = 0
        self._sent = next_sequence
        self._generation = 0
        self._closed = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._inputs: asyncio.Queue[model.CallerInput] = asyncio.Queue(_INPUTS)

    # The session's end.

    async def emit(self, output: model.SessionOutput) -> None:
        """Number an output and send it, now or by the next connection; waits while the client reads slowly."""
        while self.attached and self.next_sequence - self._sent >= _UNSENT:
            self._room.clear()
            await self._room.wait()
        size = _OVERHEAD_BYTES + (len(output.data) if isinstance(output, model.AgentAudio) else 0)
        self._kept.append(_Kept(self.next_sequence, output, size, self._loop.time()))
        self._size += size
        self.next_sequence += 1
        self._forget()
        self._news.set()

    async def inputs(self) -> AsyncIterator[model.CallerInput]:
        """Yield what the client says, for ever."""
        while True:
            yield await self._inputs.get()

    def number(self) -> int:
        """Take a number for a message that is sent outside the row."""
        self._kept.append(_Kept(self.next_sequence, None, _OVERHEAD_BYTES, self._loop.time()))
        self._size += _OVERHEAD_BYTES
        self.next_sequence += 1
        return self.next_sequence - 1

    def close(self) -> None:
        """The session is over: nothing more will be emitted."""
        self._closed = True
        self._news.set()

    def _forget(self) -> None:
        old = self._loop.time() - self._keep_s
        while self._kept and (self._size > _KEPT_BYTES or self._kept[0].at < old):
            if self.attached and self._kept[0].sequence >= self._sent:
                return
            self._size -= self._kept.popleft().size

    # The connection's end.

    async def replay_from(self, sequence: int | None) -> None:
        """The client can send audio again from this frame on; what lies before and did not arrive is lost."""
        if sequence is not None and sequence > self.next_audio:
            await self._inputs.put(model.AudioGap(sequence))
            self.next_audio = sequence

    def attach(self, after: int | None) -> int:
        """A connection takes the line, from whichever had it; return its ticket.

        Args:
            after: number of the last output that the client has; None: none.

        Raises:
            MeshError: SESSION_NOT_RESUMABLE, when what the client lacks is no longer kept.
        """
        first = 0 if after is None else after + 1
        oldest = self._kept[0].sequence if self._kept else self.next_sequence
        if not oldest <= first <= self.next_sequence:
            raise MeshError(
                ErrorReason.ERROR_REASON_SESSION_NOT_RESUMABLE,
                f"what followed message {after} is no longer there (kept: {oldest} to {self.next_sequence - 1}); "
                "start a new session",
                metadata={"detail": "messages are lost"},
            )
        self._generation += 1
        self._sent = first
        self.attached = True
        self._tell()
        return self._generation

    def detach(self, ticket: int) -> None:
        """The connection is gone; nothing happens if another has the line."""
        if ticket == self._generation and self.attached:
            self.attached = False
            self._tell()

    async def pump(self, send: Send, ticket: int) -> bool:
        """Send what there is and what comes, until the session is over; False when another connection has the line."""
        while ticket == self._generation:
            self._news.clear()
            while ticket == self._generation and self._sent < self.next_sequence:
                kept = self._kept[self._sent - self._kept[0].sequence]
                if kept.output is not None:
                    await send(kept.output, kept.sequence)
                if ticket == self._generation:
                    self._sent += 1
                    self._room.set()
            if self._closed and self._sent == self.next_sequence:
                return True
            if not self._news.is_set():
                await self._news.wait()
        return False

    async def take(self, item: model.CallerInput, number: int, ticket: int) -> bool:
        """Pass on what the client says, unless it came before; False when another connection has the line.

        Args:
            item: what was said.
            number: counts what is no audio; 0: not counted.
            ticket: of the connection it came by.
        """
        if ticket != self._generation:
            return False
        if isinstance(item, model.CallerAudio):
            if item.sequence < self.next_audio:
                return True
            self.next_audio = item.sequence + 1
        elif number:
            if number <= self.last_request:
                return True
            self.last_request = number
            item = model.Request(number, item)  # type: ignore[arg-type]  # what is counted is no audio
        await self._inputs.put(item)
        return True

    def _tell(self) -> None:
        self.changed.set()
        self._room.set()
        self._news.set()
