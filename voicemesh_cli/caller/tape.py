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

    It grows by 2 bytes a sample and side for as long as the call lasts: 230 MB an hour at 16 kHz is the worst.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._caller: list[NDArray[np.int16]] = []
        self._agent: list[tuple[int, NDArray[np.int16]]] = []
        self._turn_id = ""
        self._agent_end = 0
        self.began: float | None = None
        """When the first sample of the caller was spoken, on the session's clock."""

    def caller(self, samples: NDArray[np.int16]) -> None:
        """The caller's next samples."""
        self._caller.append(samples)

    def agent(self, audio: PlayedAudio) -> None:
        """A piece of the agent's speech that is being played."""
        samples = np.frombuffer(audio.data, dtype="<i2").astype(np.int16)
        place = max(0, round((audio.at - (self.began if self.began is not None else audio.at)) * self._rate_hz))
        near = abs(place - self._agent_end) < _JOIN_S * self._rate_hz
        if (audio.turn_id == self._turn_id and near) or place < self._agent_end:
            place = self._agent_end
        self._turn_id = audio.turn_id
        self._agent_end = place + len(samples)
        self._agent.append((place, samples))

    def tracks(self) -> NDArray[np.int16]:
        """Both sides, shape (samples, 2): the caller left, the agent right; the shorter one ends in silence."""
        spoken = np.concatenate(self._caller) if self._caller else np.zeros(0, np.int16)
        both = np.zeros((max(len(spoken), self._agent_end), 2), np.int16)
        both[: len(spoken), 0] = spoken
        for place, samples in self._agent:
            both[place : place + len(samples), 1] = samples
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
