"""The caller's end of a websocket call to the bot: sends a recording's turns, notes when the answers come."""

from __future__ import annotations

import asyncio
import json
import time
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr
from pipecat.frames.protobufs import frames_pb2
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from websockets.asyncio.client import ClientConnection

FRAME_S = 0.02
# What is played around a turn's voiced samples, and the pauses: those of the caller in the project's own bench.
BEFORE_S, BEHIND_S = 0.15, 0.25
GAP_S, PATIENCE_S = 0.25, 8.0
# The line is open for a moment before the caller speaks.
LEAD_S = 1.0
# Audio that comes after so long a silence begins another answer.
PAUSE_S = 0.3


@dataclass(frozen=True)
class Turn:
    """A stretch of the caller's speech: first and last voiced sample in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recording:
    """A caller's recording: int16 of shape (samples,), mono, and the turns in it."""

    name: str
    samples: NDArray[np.int16]
    rate_hz: int
    turns: tuple[Turn, ...]

    def at(self, rate_hz: int) -> Recording:
        """Return it at another rate."""
        if rate_hz == self.rate_hz:
            return self
        samples = soxr.resample(self.samples, self.rate_hz, rate_hz)
        return Recording(self.name, samples, rate_hz, self.turns)

    def cut(self, index: int) -> tuple[NDArray[np.int16], float]:
        """Return a turn's samples with what is around them, and how long after their beginning it starts."""
        turn = self.turns[index]
        before = self.turns[index - 1].end_s if index else 0.0
        behind = self.turns[index + 1].start_s if index + 1 < len(self.turns) else len(self.samples) / self.rate_hz
        start_s = max(turn.start_s - BEFORE_S, (before + turn.start_s) / 2)
        end_s = min(turn.end_s + BEHIND_S, (turn.end_s + behind) / 2)
        return self.samples[round(start_s * self.rate_hz) : round(end_s * self.rate_hz)], turn.start_s - start_s


@dataclass(frozen=True)
class Answered:
    """What came of a turn.

    Attributes:
        recording: the recording's name.
        index: the turn's place in it, from 0.
        text: what is said in it.
        first_audio_ms: from the last voiced sample to the first audio of an answer that began after it; None when
            none came.
        cut_off: whether the bot spoke before the last voiced sample.
        late_frames_ms: how late the latest frame of the turn was sent; the measurement's own error.
    """

    recording: str
    index: int
    text: str
    first_audio_ms: float | None
    cut_off: bool
    late_frames_ms: float


def load_recording(path: Path) -> Recording:
    """Read NAME.wav (16-bit, mono) and NAME.turns.json beside it; raises ValueError for another kind of WAV."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise ValueError(f"{path}: give 16-bit mono")
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        rate_hz = file.getframerate()
    turns = json.loads(path.with_suffix(".turns.json").read_text())["turns"]
    return Recording(
        path.stem, samples, rate_hz, tuple(Turn(turn["text"], turn["start_s"], turn["end_s"]) for turn in turns)
    )


class Loudspeaker:
    """When the bot's answers began, and until when what has come of them plays."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self._plays_until = 0.0
        self._last = 0.0
        self._interrupted = True

    def audio(self, duration_s: float) -> None:
        """Audio has come."""
        now = time.monotonic()
        if self._interrupted or now - max(self._plays_until, self._last) > PAUSE_S:
            self.began.append(now)
        self._interrupted = False
        self._plays_until = max(now, self._plays_until) + duration_s
        self._last = now

    def interruption(self) -> None:
        """The bot was interrupted: what has not been played is void."""
        self._interrupted = True
        self._plays_until = time.monotonic()

    def finished(self) -> bool:
        """Whether all has been played and nothing more came."""
        now = time.monotonic()
        return now >= self._plays_until and now - self._last >= PAUSE_S

    def first_since(self, moment: float) -> float | None:
        """Return when the first answer after a moment began."""
        return next((began for began in self.began if began >= moment), None)

    def any_between(self, first: float, last: float) -> bool:
        """Whether an answer began between two moments."""
        return any(first <= began < last for began in self.began)


class Line:
    """Sends the caller's audio, a frame whenever its last sample would have been spoken, never stopping."""

    def __init__(self, websocket: ClientConnection, rate_hz: int) -> None:
        self._websocket = websocket
        self._rate_hz = rate_hz
        self._size = round(FRAME_S * rate_hz)
        self._hush = np.zeros(self._size, np.int16)
        self._began = time.monotonic()
        self._sent = 0
        self.late_s = 0.0

    @property
    def now(self) -> float:
        """The moment of the next sample on the machine's clock."""
        return self._began + self._sent * FRAME_S

    async def speak(self, samples: NDArray[np.int16]) -> None:
        """Send samples, filled up with silence to whole frames."""
        padded = np.concatenate([samples, np.zeros(-len(samples) % self._size, np.int16)])
        for start in range(0, len(padded), self._size):
            await self._send(padded[start : start + self._size])

    async def hush(self, until: Callable[[], bool]) -> None:
        """Send silence until something is so; it is asked before every frame."""
        while not until():
            await self._send(self._hush)

    async def _send(self, samples: NDArray[np.int16]) -> None:
        self._sent += 1
        wait_s = self.now - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        frame = frames_pb2.Frame()
        frame.audio.audio = samples.tobytes()
        frame.audio.sample_rate = self._rate_hz
        frame.audio.num_channels = 1
        await self._websocket.send(frame.SerializeToString())
        self.late_s = max(self.late_s, time.monotonic() - self.now)


async def place_call(recording: Recording, address: str) -> list[Answered]:
    """Speak the recording's turns to the bot at `address`, each after the bot has finished; return what came."""
    loudspeaker = Loudspeaker()
    async with connect(address, max_size=None, compression=None) as websocket, asyncio.TaskGroup() as group:
        listener = group.create_task(_listen(websocket, loudspeaker))
        line = Line(websocket, recording.rate_hz)
        begin = line.now + LEAD_S
        await line.hush(lambda: line.now >= begin)
        answers = [await _take_turn(recording, index, line, loudspeaker) for index in range(len(recording.turns))]
        listener.cancel()
    return answers


async def _take_turn(recording: Recording, index: int, line: Line, loudspeaker: Loudspeaker) -> Answered:
    turn = recording.turns[index]
    samples, lead_s = recording.cut(index)
    line.late_s = 0.0
    began = line.now
    ended = began + lead_s + turn.end_s - turn.start_s
    await line.speak(samples)

    def answered() -> bool:
        if loudspeaker.first_since(ended) is None:
            return line.now - ended >= PATIENCE_S
        return loudspeaker.finished()

    await line.hush(answered)
    first = loudspeaker.first_since(ended)
    quiet_until = line.now + GAP_S
    await line.hush(lambda: line.now >= quiet_until)
    return Answered(
        recording=recording.name,
        index=index,
        text=turn.text,
        first_audio_ms=None if first is None else round(1000 * (first - ended), 1),
        cut_off=loudspeaker.any_between(began, ended),
        late_frames_ms=round(1000 * line.late_s, 1),
    )


async def _listen(websocket: ClientConnection, loudspeaker: Loudspeaker) -> None:
    async for message in websocket:
        frame = frames_pb2.Frame.FromString(message)
        if frame.HasField("audio"):
            audio = frame.audio
            loudspeaker.audio(len(audio.audio) / (2 * audio.num_channels * audio.sample_rate))
        elif frame.HasField("interruption"):
            loudspeaker.interruption()
