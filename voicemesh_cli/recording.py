"""Recordings from disk as what the mesh takes: PCM16 mono."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from voicemesh_cli.failures import InputError

if TYPE_CHECKING:
    from pathlib import Path

# The rate that speech recognisers work at; a higher one would only make the request bigger.
RATE_HZ = 16_000


@dataclass(frozen=True)
class Recording:
    """A recording: `samples` is int16 PCM, little-endian, mono at RATE_HZ; `duration_s` its length."""

    path: Path
    samples: bytes
    duration_s: float


def read(path: Path) -> Recording:
    """Read a WAV or FLAC file of any rate and any number of channels, which are mixed to one.

    Raises InputError for a file that is missing, empty or no audio.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} is no audio that can be read ({error}); WAV and FLAC can.") from None
    if not len(frames):
        raise InputError(f"{path} holds no audio")
    mono = frames.mean(axis=1)
    if rate != RATE_HZ:
        mono = soxr.resample(mono, rate, RATE_HZ)
    pcm = np.clip(np.rint(mono * 32767.0), -32768, 32767).astype("<i2")
    return Recording(path, pcm.tobytes(), len(frames) / rate)
