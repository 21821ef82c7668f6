"""What the training examples nearest to a text say: one more expert, and two signs of what is strange."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.nlu.network import Array, log_softmax

Places = np.ndarray[Any, np.dtype[np.int64]]

NEAR_LABELS = 10
"""Examples of that many likeliest labels are looked at: a search of all takes longer."""

_NEAREST = 10
_NEAREST_OF_LABEL = 5
_SHARPNESS = 40.0
"""Of two labels, the one whose examples' cosines are greater by 1/40 is e times as likely."""


@dataclass(frozen=True, slots=True)
class Near:
    """What the nearest examples of texts' likeliest labels say; n labels, ten or all where there are fewer.

    Attributes:
        labels: their places, the likeliest first, shape (texts, n).
        scores: the log of the mean of exp(40 cosine) over the five nearest examples of each, shape (texts, n).
        cosine: the mean cosine to the five nearest examples of all of them, shape (texts,).
        shares: which share of the ten nearest examples is each label's, shape (texts, n).
    """

    labels: Places
    scores: Array
    cosine: Array
    shares: Array

    def signs(self, log_probabilities: Array) -> Array:
        """Return the mean cosine and the share of the likeliest label, shape (texts, 2), given (texts, labels)."""
        likeliest = log_probabilities.argmax(axis=1)
        share = np.where(self.labels == likeliest[:, None], self.shares, np.float32(0)).sum(axis=1)
        return np.stack([self.cosine, share], axis=1)


def nearest(means: Array, log_probabilities: Array, examples: Array, starts: Places) -> Near:
    """Return what the nearest examples say of texts.

    Args:
        means: the texts' mean vectors, shape (texts, 384).
        log_probabilities: what the other experts say of them, shape (texts, labels).
        examples: vectors of the same form, those of a label together, shape (examples, 384).
        starts: where each label's examples begin, and the end, shape (labels + 1,).
    """
    labels = np.argsort(-log_probabilities, axis=1, kind="stable")[:, :NEAR_LABELS]
    found = [
        of_text([examples[starts[label] : starts[label + 1]] @ mean for label in row])
        for mean, row in zip(means, labels, strict=True)
    ]
    scores, cosines, shares = (np.array(column, np.float32) for column in zip(*found, strict=True))
    return Near(labels, scores, cosines, shares)


def of_text(cosines: Sequence[Array]) -> tuple[Array, float, Array]:
    """Return scores, mean cosine and shares as in `Near`, of one text, given the cosines to each label's examples."""
    scores = _scores(cosines)
    everything = np.concatenate(cosines)
    if not len(everything):
        return scores, 0.0, np.zeros(len(cosines), np.float32)
    # Only the nearest are put in order: sorting a thousand takes longer than finding ten.
    least = np.partition(everything, -_NEAREST)[-_NEAREST] if len(everything) > _NEAREST else -np.inf
    candidates = np.flatnonzero(everything >= least)
    places = candidates[np.argsort(-everything[candidates], kind="stable")[:_NEAREST]]
    owners = np.repeat(np.arange(len(cosines)), [len(part) for part in cosines])[places]
    shares = np.bincount(owners, minlength=len(cosines)) / len(places)
    return scores, float(everything[places[:_NEAREST_OF_LABEL]].mean()), shares.astype(np.float32)


def _scores(cosines: Sequence[Array]) -> Array:
    """Return each label's score; a label without examples is as far as can be."""
    best = np.full((len(cosines), _NEAREST_OF_LABEL), -np.inf, np.float32)
    for row, part in zip(best, cosines, strict=True):
        count = min(len(part), _NEAREST_OF_LABEL)
        if count:
            row[:count] = np.partition(part, -count)[-count:]
    highest = np.maximum(best.max(axis=1), np.float32(-1))
    total = np.exp(_SHARPNESS * (best - highest[:, None])).sum(axis=1)
    counts = np.isfinite(best).sum(axis=1)
    means = np.where(counts, total / np.maximum(counts, 1), 1)
    result: Array = (_SHARPNESS * highest + np.log(means)).astype(np.float32)
    return result


def weighed(log_probabilities: Array, near: Near, share: float) -> Array:
    """Return the labels' log-probabilities, shape (texts, labels), once the nearest examples have had their say.

    The scores are added, `share` times; a label that was not looked at gets the least of those that were.
    """
    if not share:
        return log_probabilities
    added = np.repeat(near.scores.min(axis=1, keepdims=True), log_probabilities.shape[1], axis=1)
    np.put_along_axis(added, near.labels, near.scores, axis=1)
    return log_softmax(np.asarray(log_probabilities + np.float32(share) * added, np.float32))
