"""Sentences to vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from services.nlu.encoder import source

Vectors = np.ndarray[Any, np.dtype[np.float32]]

DIMENSION = 384
POOLED_DIMENSION = 3 * DIMENSION
MAX_TOKENS = 256
"""The longest input the published encoder was trained for; what is longer is cut."""


class SentenceEncoder:
    """MiniLM on CTranslate2: mean of the last layer's tokens, scaled to length one.

    Safe to use from several threads; they share one model.
    """

    def __init__(self, folder: Path, *, threads: int = 1, parallel: int = 1) -> None:
        """Load the prepared encoder in `folder`: `threads` per computation, `parallel` computations at once."""
        self._encoder = ctranslate2.Encoder(str(folder), device="cpu", inter_threads=parallel, intra_threads=threads)
        self._tokenizer = Tokenizer.from_file(str(folder / source.TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, sentences: Sequence[str], *, batch: int = 64) -> Vectors:
        """Return the sentences' vectors, float32 of shape (sentences, 384), each of length one."""
        return self.pooled(sentences, batch=batch)[:, :DIMENSION]

    def pooled(self, sentences: Sequence[str], *, batch: int = 64) -> Vectors:
        """Return the sentences' wide vectors, float32 of shape (sentences, 1152): three views of the last layer.

        They are the mean of its tokens (what `encode` returns), the largest value of each dimension, and the first
        token; each is of length one. A head learns more from the three than from the mean alone.
        """
        parts = [self._pooled(sentences[at : at + batch]) for at in range(0, len(sentences), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, POOLED_DIMENSION), np.float32)

    def _pooled(self, sentences: Sequence[str]) -> Vectors:
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(sentences))]
        output = self._encoder.forward_batch(ids)
        states = np.asarray(output.last_hidden_state, dtype=np.float32)
        lengths = np.array([len(row) for row in ids])
        inside = (np.arange(states.shape[1])[None, :] < lengths[:, None])[:, :, None]
        means = np.where(inside, states, np.float32(0)).sum(axis=1) / lengths[:, None].astype(np.float32)
        largest = np.where(inside, states, np.float32(-np.inf)).max(axis=1)
        return np.concatenate([_of_length_one(view) for view in (means, largest, states[:, 0])], axis=1)


def _of_length_one(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
