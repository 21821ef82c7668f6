"""Sentences to vectors."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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

_FEW = 16
"""So many sentences are turned into tokens one by one: to share them out to threads takes longer."""
_HALVED = 40
"""From that many tokens on, two or more sentences are computed as two halves at once. A computation reads all weights,
however short its input, which takes as long as twenty tokens; below this, two of them take longer than one."""

Tokens = list[int]


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
        # Its queue holds a half for each caller that waits for it, so callers bound it.
        self._halves = ThreadPoolExecutor(parallel, thread_name_prefix="encoder") if parallel > 1 else None

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

    def close(self) -> None:
        """End the threads; nothing is encoded afterwards."""
        if self._halves:
            self._halves.shutdown()

    def _pooled(self, sentences: Sequence[str]) -> Vectors:
        if len(sentences) <= _FEW:
            ids = [self._tokenizer.encode(sentence).ids for sentence in sentences]
        else:
            ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(sentences))]
        if self._halves and len(ids) > 1 and sum(map(len, ids)) >= _HALVED:
            one, other = halves([len(row) for row in ids])
            later = self._halves.submit(self._views, [ids[place] for place in other])
            views = np.empty((len(ids), 3, DIMENSION), np.float32)
            views[one] = self._views([ids[place] for place in one])
            views[other] = later.result()
        else:
            views = self._views(ids)
        return views.reshape(len(ids), POOLED_DIMENSION)

    def _views(self, ids: Sequence[Tokens]) -> Vectors:
        """Return the three views of each row of tokens, shape (rows, 3, 384)."""
        states = np.asarray(self._encoder.forward_batch(ids).last_hidden_state, dtype=np.float32)
        views = np.empty((len(ids), 3, DIMENSION), np.float32)
        for (mean, largest, first), tokens, row in zip(views, states, ids, strict=True):
            count = len(row)
            np.divide(tokens[:count].sum(axis=0), np.float32(count), out=mean)
            tokens[:count].max(axis=0, out=largest)
            first[:] = tokens[0]
        views /= np.sqrt(np.square(views).sum(axis=2, keepdims=True))
        return views


def halves(lengths: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the places of two or more lengths in two groups of about the same sum, neither of them empty."""
    groups: tuple[list[int], list[int]] = ([], [])
    sums = [0, 0]
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        smaller = int(sums[1] < sums[0])
        groups[smaller].append(place)
        sums[smaller] += lengths[place]
    return groups
