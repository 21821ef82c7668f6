"""A caller's telephone for the benches: sends sound in real time and notes when each piece of the agent's was heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import voicemesh_client as sdk

RATE_HZ = 16_000
_FORM = sdk.AudioFormat.pcm16(RATE_HZ)
_PIECE_S = 0.02
_QUIET_S = 0.4
LIMIT_S = 30.0
"""What takes longer than this fails the bench."""

Samples = NDArray[np.int16]


@dataclass
class Piece:
    """Audio of the agent: when it was played, on the session's clock, and how long it is."""

    turn_id: str
    at: float
    seconds: float

    @property
    def end(self) -> float:
        """When its last sample was played."""
        return self.at + self.seconds


@dataclass
class Phone:
    """One call; the caller is silent unless told to speak."""

    session: sdk.Session
    pieces: list[Piece]
    events: list[sdk.SessionEvent]
    _speech: list[Samples] = field(default_factory=list)
    _began: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Send what there is to say, else silence, until cancelled."""
        size = round(_PIECE_S * RATE_HZ)
        hush = np.zeros(size, np.int16)
        rest = np.zeros(0, np.int16)
        with contextlib.suppress(sdk.SessionClosedError):
            while True:
                begins = not len(rest) and bool(self._speech)
                if begins:
                    samples = self._speech.pop(0)
                    rest = np.concatenate([samples, np.zeros(-len(samples) % size, np.int16)])
                frame, rest = (rest[:size], rest[size:]) if len(rest) else (hush, rest)
                at = await self.session.play(frame.data)
                if begins:
                    self._began.append(at)

    async def say(self, samples: Samples) -> float:
        """Speak; return when the first sample was sent, on the session's clock."""
        count = len(self._began)
        self._speech.append(samples)
        await self.until(lambda: len(self._began) > count)
        return self._began[-1]

    async def until(self, holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(limit_s):
            while not holds():  # noqa: ASYNC110 - what is waited for changes in many places
                await asyncio.sleep(0.005)

    async def heard_out(self, turns: int) -> None:
        """Wait until the agent has begun so many turns and is silent."""
        loop = asyncio.get_running_loop()
        quiet_since = [loop.time()]

        def holds() -> bool:
            if not self.session.speaker.idle or len(self.turn_ids()) < turns:
                quiet_since[0] = loop.time()
            return loop.time() - quiet_since[0] >= _QUIET_S

        await self.until(holds)

    def turn_ids(self) -> list[str]:
        """Return the agent's turns that were heard, in their order."""
        return list(dict.fromkeys(piece.turn_id for piece in self.pieces))

    def of(self, turn_id: str) -> list[Piece]:
        """Return what was heard of a turn."""
        return [piece for piece in self.pieces if piece.turn_id == turn_id]

    def told(self, kind: type[Any]) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


@contextlib.asynccontextmanager
async def phone(target: str, domain: str) -> AsyncIterator[Phone]:
    """Call; hang up at the end."""
    pieces: list[Piece] = []

    def play(audio: sdk.PlayedAudio) -> None:
        pieces.append(Piece(audio.turn_id, audio.at, len(audio.data) / 2 / RATE_HZ))

    async with sdk.connect(target) as mesh:
        session = mesh.session(domain, input_audio=_FORM, output_audio=_FORM, sink=play)
        async with session, asyncio.TaskGroup() as tasks:
            made = Phone(session, pieces, [])
            sending = tasks.create_task(made.run())
            listening = tasks.create_task(_listen(session, made.events))
            try:
                yield made
            finally:
                sending.cancel()
                await session.end("the bench is over")
                await listening


async def _listen(session: sdk.Session, events: list[sdk.SessionEvent]) -> None:
    async for event in session:
        events.append(event)  # noqa: PERF401 - they are looked at while they come
