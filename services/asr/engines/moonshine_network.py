"""Moonshine's two networks on onnxruntime: audio to tokens, and how likely given tokens are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mesh.onnx import open_session
from services.asr.model import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from services.asr.model import Samples

    Arrays = dict[str, NDArray[np.generic]]

ENCODER_FILE = "encoder_model.ort"
DECODER_FILE = "decoder_model_merged.ort"

_START = 1
_END = 2
# Speech holds some 6.5 tokens a second at the most; a model that says more is going in circles.
_TOKENS_A_SECOND = 6.5
_SPARE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Encoded:
    """Audio behind the encoder: the mask in audio samples, ``(1, samples)``, and ``(1, frames, width)``."""

    mask: NDArray[np.int64]
    hidden: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scored:
    """Token ids and the probability of each, after those before it; ``end`` is that of ending there."""

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    end: float

    @property
    def log_probability(self) -> float:
        """The natural logarithm of the whole's probability."""
        return sum(math.log(max(p, 1e-30)) for p in (*self.probabilities, self.end))


class Network:
    """The loaded networks; safe for use by many threads."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._encoder = open_session(str(folder / ENCODER_FILE), threads)
        self._decoder = open_session(str(folder / DECODER_FILE), threads)
        self._caches = [i for i in self._decoder.get_inputs() if i.name.startswith("past_key_values.")]
        self._outputs = [o.name for o in self._decoder.get_outputs()]

    def encode(self, samples: Samples) -> Encoded:
        """Return the encoder's answer to 16 kHz mono audio, an eighth of a second or more."""
        mask = np.ones((1, len(samples)), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None, :], "attention_mask": mask})
        return Encoded(mask, hidden)

    def decode(self, audio: Encoded) -> Scored:
        """Return the likeliest next token after the next, up to the end or the most that the audio can hold."""
        feed = self._first_feed(audio, [_START])
        ids: list[int] = []
        probabilities: list[float] = []
        for _ in range(int(audio.mask.shape[1] / SAMPLE_RATE_HZ * _TOKENS_A_SECOND) + _SPARE_TOKENS):
            outputs = dict(zip(self._outputs, self._decoder.run(None, feed), strict=True))
            logits = outputs["logits"][0, -1]
            best = int(logits.argmax())
            probability = _probability(logits, best)
            if best == _END:
                return Scored(tuple(ids), tuple(probabilities), probability)
            ids.append(best)
            probabilities.append(probability)
            self._keep_caches(feed, outputs)
            feed["input_ids"] = np.array([[best]])
        return Scored(tuple(ids), tuple(probabilities), 1.0)

    def score(self, audio: Encoded, ids: Sequence[int]) -> Scored:
        """Return how likely the tokens are, in one run of the decoder."""
        logits = self._decoder.run(["logits"], self._first_feed(audio, [_START, *ids]))[0][0]
        *inner, end = [_probability(row, token) for row, token in zip(logits, [*ids, _END], strict=True)]
        return Scored(tuple(ids), tuple(inner), end)

    def _first_feed(self, audio: Encoded, ids: list[int]) -> Arrays:
        # The decoder wants its mask in audio samples too, not in the encoder's frames.
        return {
            "encoder_attention_mask": audio.mask,
            "encoder_hidden_states": audio.hidden,
            "input_ids": np.array([ids]),
            "use_cache_branch": np.array([False]),
            **{cache.name: _empty(cache.shape) for cache in self._caches},
        }

    def _keep_caches(self, feed: Arrays, outputs: Arrays) -> None:
        """Move the decoder's caches on; those over the encoder are right only in the first call's answer."""
        first = not feed["use_cache_branch"][0]
        for cache in self._caches:
            if first or ".decoder." in cache.name:
                feed[cache.name] = outputs[cache.name.replace("past_key_values.", "present.")]
        feed["use_cache_branch"] = np.array([True])


def _empty(shape: Sequence[int | str]) -> NDArray[np.float32]:
    _, heads, _, size = shape
    return np.zeros((1, int(heads), 0, int(size)), np.float32)


def _probability(logits: NDArray[np.float32], token: int) -> float:
    top = logits.max()
    return float(np.exp(logits[token] - top) / np.exp(logits - top).sum())
