"""A call on tape: what the caller sent and what they heard, on one timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from voicemesh_client import PlayedAudio

# Pieces of one turn that begin this near to the end of the one before follow it without a gap: playing is
# timed by a clock, and a sleep that ends late is no silence.
_JOIN_S = 0.05


class Tape:
    """Takes down both sides of a call as 16-bit mono samples at one rate.

    It grows by 2 bytes a sample and side for as long as the call lasts: 230 MB an hour at 16 kHz.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._caller = _Side(sample_rate_hz)
        self._agent = _Side(sample_rate_hz)
        self._turn_id = ""
        self.began: float | None = None
        """When the first sample of the caller was spoken, on the session's clock."""

    def caller(self, samples: NDArray[np.int16], at: float) -> None:
        """The caller's next samples, and when the first of them was spoken on the session's clock."""
        self._caller.put(samples, self._since(at), joined=True)

    def agent(self, audio: PlayedAudio) -> None:
        """A piece of the agent's speech that is being played."""
        samples = np.frombuffer(audio.data, dtype="<i2").astype(np.int16)
        self._agent.put(samples, self._since(audio.at), joined=audio.turn_id == self._turn_id)
        self._turn_id = audio.turn_id

    def tracks(self) -> NDArray[np.int16]:
        """Both sides, shape (samples, 2): the caller left, the agent right; the shorter one ends in silence."""
        both = np.zeros((max(self._caller.end, self._agent.end), 2), np.int16)
        for channel, side in enumerate((self._caller, self._agent)):
            for place, samples in side.pieces:
                both[place : place + len(samples), channel] = samples
        return both

    def write(self, directory: Path, name: str) -> dict[str, Path]:
        """Writes NAME-agent.wav and NAME-call.wav; returns their paths as "agent" and "call".

        Raises OSError when the directory can not be made or written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        both = self.tracks()
        files = {"agent": directory / f"{name}-agent.wav", "call": directory / f"{name}-call.wav"}
        for key, samples in (("agent", both[:, 1]), ("call", both)):
            with files[key].open("wb") as file:
                soundfile.write(file, samples, self._rate_hz, format="WAV", subtype="PCM_16")
        return files

    def _since(self, at: float) -> float:
        return 0.0 if self.began is None else at - self.began


class _Side:
    """One side of a call: pieces and their places in samples."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.pieces: list[tuple[int, NDArray[np.int16]]] = []
        self.end = 0

    def put(self, samples: NDArray[np.int16], at_s: float, *, joined: bool) -> None:
        """Puts a piece in its place: never over an earlier one, and behind it where it is `joined` and near."""
        place = max(0, round(at_s * self._rate_hz))
        if place < self.end or (joined and place - self.end < _JOIN_S * self._rate_hz):
            place = self.end
        self.pieces.append((place, samples))
        self.end = place + len(samples)
