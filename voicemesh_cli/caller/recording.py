"""Recordings of callers: any WAV or FLAC, and where in it the caller speaks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from voicemesh_cli.failures import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000
# A pause this long between two stretches of speech makes them two turns.
TURN_PAUSE_S = 0.7
_WINDOW_S = 0.01
# A window is voiced when it is louder than this part of the loud ones, and than the floor.
_VOICED_PART = 0.03
_VOICED_FLOOR = 0.001
# Shorter bursts are clicks, not words.
_MIN_TURN_S = 0.06


@dataclass(frozen=True)
class SpokenTurn:
    """A stretch of the caller's speech: first and last voiced sample in seconds; `text` where it is known."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recording:
    """A caller's recording.

    `samples` is int16 of shape (samples,), mono at `sample_rate_hz` (8,000 to 48,000); `turns` are in order;
    `truth` says whether they come from the recording's maker or were found by their loudness.
    """

    path: Path
    samples: NDArray[np.int16]
    sample_rate_hz: int
    turns: tuple[SpokenTurn, ...]
    truth: bool

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    def cut(self, start_s: float, end_s: float) -> NDArray[np.int16]:
        """The samples from one place to another, both in seconds, as far as there are any."""
        return self.samples[max(0, round(start_s * self.sample_rate_hz)) : max(0, round(end_s * self.sample_rate_hz))]


def load_recording(path: Path) -> Recording:
    """Reads a WAV or FLAC file of any rate; two and more channels become one by their mean.

    A rate outside 8-48 kHz is resampled to the nearer end. The turns are those of the file NAME.turns.json
    beside it, or else what pauses of 0.7 s and more divide.

    Raises InputError when the file is missing, unreadable or holds no audio, or its turns are not readable.
    """
    frames, rate_hz = _read_frames(path)
    mono = frames.mean(axis=1)
    samples = _pcm16(mono)
    sidecar = path.with_suffix(".turns.json")
    if sidecar.is_file():
        return Recording(path, samples, rate_hz, _read_turns(sidecar, len(mono) / rate_hz), truth=True)
    return Recording(path, samples, rate_hz, find_turns(mono, rate_hz), truth=False)


def load_channels(path: Path) -> tuple[Recording, ...]:
    """Reads each channel of a WAV or FLAC file as a recording of its own, without turns.

    Channels that hold the same samples are one. Rates are as in `load_recording`. Raises InputError when the file is
    missing, unreadable or holds no audio.
    """
    frames, rate_hz = _read_frames(path)
    if (frames == frames[:, :1]).all():
        frames = frames[:, :1]
    return tuple(Recording(path, _pcm16(channel), rate_hz, (), truth=False) for channel in frames.T)


def _read_frames(path: Path) -> tuple[NDArray[np.float32], int]:
    """The samples, shape (samples, channels), and their rate, which is 8 to 48 kHz."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a WAV or FLAC file.")
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    try:
        frames, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} can not be read as audio ({error}): give a WAV or FLAC file.") from None
    if not len(frames):
        raise InputError(f"{path} holds no audio: record something first.")
    # A file of floating-point samples may hold some that are no numbers.
    frames = np.nan_to_num(frames, posinf=1.0, neginf=-1.0)
    wanted_hz = min(MAX_RATE_HZ, max(MIN_RATE_HZ, rate_hz))
    if wanted_hz != rate_hz:
        frames = soxr.resample(frames, rate_hz, wanted_hz)
    return frames, wanted_hz


def _pcm16(mono: NDArray[np.float32]) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = np.clip(np.rint(mono * 32_767.0), -32_768, 32_767).astype(np.int16)
    return samples


def find_turns(mono: NDArray[np.float32], rate_hz: int) -> tuple[SpokenTurn, ...]:
    """The turns that pauses divide; `mono` is float of shape (samples,) from -1 to 1. Empty for silence.

    A window of 10 ms is voiced when its root mean square is above 3 % of the 95th percentile of all windows
    and above 0.001 of full scale. Nothing here is a truth: a recording's maker knows better.
    """
    size = max(1, round(_WINDOW_S * rate_hz))
    count = len(mono) // size
    if not count:
        return ()
    windows = mono[: count * size].reshape(count, size)
    loudness = np.sqrt((windows.astype(np.float64) ** 2).mean(axis=1))
    threshold = max(_VOICED_FLOOR, _VOICED_PART * float(np.percentile(loudness, 95)))
    voiced = np.flatnonzero(loudness > threshold)
    if not len(voiced):
        return ()
    breaks = np.flatnonzero(np.diff(voiced) > TURN_PAUSE_S / _WINDOW_S)
    firsts = voiced[np.r_[0, breaks + 1]]
    lasts = voiced[np.r_[breaks, len(voiced) - 1]]
    turns = (
        SpokenTurn("", round(first * size / rate_hz, 4), round(((last + 1) * size - 1) / rate_hz, 4))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    )
    return tuple(turn for turn in turns if turn.end_s - turn.start_s >= _MIN_TURN_S)


def _read_turns(path: Path, duration_s: float) -> tuple[SpokenTurn, ...]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        turns = tuple(
            SpokenTurn(str(turn["text"]), float(turn["start_s"]), float(turn["end_s"])) for turn in document["turns"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f'{path} does not say "turns" with "text", "start_s" and "end_s" ({error!r}).') from None
    ends = [0.0]
    for turn in turns:
        if not ends[-1] <= turn.start_s < turn.end_s <= duration_s:
            raise InputError(
                f"{path}: the turn from {turn.start_s:g} s to {turn.end_s:g} s is out of order, or lies outside "
                f"the recording of {duration_s:.1f} s."
            )
        ends.append(turn.end_s)
    return turns
