"""Sounds of callers for the benches: words by flite, coughs and knocks by formula."""

import numpy as np
from corpus import RATE_HZ, flite
from numpy.typing import NDArray

VOICES = ("rms", "slt", "awb")
INTERRUPTIONS = (
    "Wait, I need a cleaning.",
    "Stop, please.",
    "No, I want to cancel my appointment.",
    "Can I ask you something?",
)
BACKCHANNELS = ("Uh huh.", "Okay.", "Right.", "I see.")

Samples = NDArray[np.int16]


def spoken(voice: str, text: str) -> Samples:
    """Return a text from its first voiced sample to its last."""
    return _voiced(flite(voice, text)[0])


def cough(seed: int) -> Samples:
    """Return a cough: two bursts of noise, sharp at the beginning, dark, without a pitch."""
    random = np.random.default_rng(seed)
    bursts = []
    for loudness, seconds in ((0.5, 0.28), (0.35, 0.22)):
        time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        noise = np.convolve(random.normal(0, 1, len(time)), np.ones(6) / 6, "same")
        bursts += [loudness * noise * np.exp(-time / 0.06), np.zeros(round(0.08 * RATE_HZ))]
    return _voiced(np.concatenate(bursts))


def knocks(seed: int) -> Samples:
    """Return three knocks on a table: damped low tones with a click."""
    random = np.random.default_rng(seed)
    time = np.arange(round(0.12 * RATE_HZ)) / RATE_HZ
    knock = np.sin(2 * np.pi * random.uniform(90, 160) * time) * np.exp(-time / 0.02)
    return _voiced(np.tile(np.concatenate([0.6 * knock, np.zeros(round(0.1 * RATE_HZ))]), 3))


def _voiced(samples: NDArray[np.float64]) -> Samples:
    voiced = np.flatnonzero(np.abs(samples) > 0.01)
    cut = np.clip(samples[voiced[0] : voiced[-1] + 1], -1, 1)
    return np.rint(cut * 32_767).astype(np.int16)
