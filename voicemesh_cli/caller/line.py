"""The caller's end of the line: speech or silence, a frame at a time, without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from voicemesh_cli.caller.tape import Tape
    from voicemesh_client import Session


class Line:
    """Sends the caller's audio in real time and keeps it on tape."""

    def __init__(self, session: Session, tape: Tape, sample_rate_hz: int) -> None:
        self._session = session
        self._tape = tape
        self._rate_hz = sample_rate_hz
        self._frame = round(session.config.frame_ms / 1_000 * sample_rate_hz)
        self._hush = np.zeros(self._frame, np.int16)
        self._sent = 0
        self.delay_s = 0.0
        """How far the audio clock is behind the machine's: more than nothing only after the machine was stuck."""

    @property
    def position_s(self) -> float:
        """How much was sent so far: the place on the audio clock, in seconds."""
        return self._sent / self._rate_hz

    async def speak(self, samples: NDArray[np.int16], at: Callable[[float], None] | None = None) -> None:
        """Sends samples, filled up with silence to whole frames; `at` is told the place of each frame's end."""
        padded = np.concatenate([samples, np.zeros(-len(samples) % self._frame, np.int16)])
        for start in range(0, len(padded), self._frame):
            await self._send(padded[start : start + self._frame])
            if at is not None:
                at(self.position_s)

    async def wait(self, done: Callable[[], bool]) -> None:
        """Sends silence until something is so; it is asked before every frame."""
        while not done():
            await self._send(self._hush)

    async def _send(self, frame: NDArray[np.int16]) -> None:
        began = await self._session.play(frame.data)
        if self._tape.began is None:
            self._tape.began = began
        self.delay_s = began - self._tape.began - self.position_s
        self._tape.caller(frame, began)
        self._sent += len(frame)
