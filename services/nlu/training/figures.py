"""How good predictions are: accuracy, calibration, operating points, confusions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from services.nlu.network import Array, log_softmax

Ints = np.ndarray[Any, np.dtype[np.intp]]

BINS = 10
OUTSIDE = "out of scope"
_LOG_TEMPERATURES = (np.log(0.02), np.log(20.0))
_CLOSE = 0.005
"""How near to the best log-temperature is near enough: half a percent."""
_SHOWN_TEXTS = 3


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a head says of texts it has not seen.

    Attributes:
        texts: the in-scope texts.
        targets: their right labels' places, shape (texts,).
        logits: shape (texts, labels), not divided by a temperature yet.
        scope: log-odds of being in scope, shape (texts,).
        outside_texts: the out-of-scope texts.
        outside_logits: their logits, shape (outside, labels).
        outside_scope: their log-odds of being in scope, shape (outside,).
    """

    texts: Sequence[str]
    targets: Ints
    logits: Array
    scope: Array
    outside_texts: Sequence[str]
    outside_logits: Array
    outside_scope: Array


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of like confidence: how many, how sure on average, how often right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold on the scope's log-odds does, as fractions.

    Attributes:
        accuracy: in-scope texts that are kept and whose likeliest intent is right.
        kept: in-scope texts that are kept.
        recall: out-of-scope texts that are found; None without such texts.
    """

    threshold: float
    accuracy: float
    kept: float
    recall: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Texts of one intent that are taken for another; `texts` shows some of them."""

    intent: str
    taken_for: str
    count: int
    share: float
    texts: tuple[str, ...]


def best_temperature(logits: Array, targets: Ints) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017, "On Calibration", section 4.2).

    Where few texts are all told right, the likelihood grows the surer the answers are said to be, without an end. So
    each right label counts as (n + 1) / (n + 2) right of n texts and the others share the rest: Platt 1999
    ("Probabilistic Outputs for Support Vector Machines"), section 2.2. Of many texts that is next to nothing.
    """
    rows = np.arange(len(targets))
    doubt = 1 / (len(targets) + 2)

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.float32(np.exp(log_temperature)))
        right = logs[rows, targets]
        others = (logs.sum(axis=1) - right) / max(logs.shape[1] - 1, 1)
        return -float(((1 - doubt) * right + doubt * others).mean())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": _CLOSE})
    return float(np.exp(found.x))


def log_loss(logits: Array, rows: Ints, targets: Ints) -> float:
    """Return the mean negative log-likelihood of `targets` in `rows` of logits."""
    return float(-log_softmax(logits)[rows, targets].mean())


def calibration(probabilities: Array, targets: Ints) -> list[Bin]:
    """Return the predictions in ten bins of equal width by confidence; empty bins are left out."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for place in range(BINS)
        if (inside := places == place).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy, weighted by count."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in bins) / total if total else 0.0


def accuracy(logits: Array, targets: Ints) -> float:
    """Return the share of texts whose likeliest label is right."""
    return float((logits.argmax(axis=1) == targets).mean()) if len(targets) else 0.0


def operating_points(predictions: Predictions) -> list[OperatingPoint]:
    """Return what each threshold that makes a difference does, from the lowest up; the first keeps everything."""
    scores = np.unique(np.concatenate([predictions.scope, predictions.outside_scope]))
    thresholds = [float("-inf"), *((scores[1:] + scores[:-1]) / 2).tolist()]
    right = predictions.logits.argmax(axis=1) == predictions.targets
    inside, right_ones = np.sort(predictions.scope), np.sort(predictions.scope[right])
    outside = np.sort(predictions.outside_scope)
    count = max(len(inside), 1)
    return [
        OperatingPoint(
            threshold=threshold,
            accuracy=float(len(right_ones) - np.searchsorted(right_ones, threshold)) / count,
            kept=float(len(inside) - np.searchsorted(inside, threshold)) / count,
            recall=float(np.searchsorted(outside, threshold)) / len(outside) if len(outside) else None,
        )
        for threshold in thresholds
    ]


def at(predictions: Predictions, threshold: float) -> OperatingPoint:
    """Return what one threshold does."""
    kept = predictions.scope >= threshold
    right = predictions.logits.argmax(axis=1) == predictions.targets
    outside = predictions.outside_scope
    return OperatingPoint(
        threshold=threshold,
        accuracy=float((kept & right).mean()) if len(kept) else 0.0,
        kept=float(kept.mean()) if len(kept) else 0.0,
        recall=float((outside < threshold).mean()) if len(outside) else None,
    )


def pick(points: Sequence[OperatingPoint], cost: float) -> OperatingPoint:
    """Return the point that finds most and keeps most together (Youden's J) at no more than `cost` of accuracy.

    Where there are no out-of-scope texts, nothing can be gained: the point that keeps everything.
    """
    best = points[0]
    allowed = [point for point in points if best.accuracy - point.accuracy <= cost and point.recall is not None]
    return max(allowed, key=lambda point: (point.kept + (point.recall or 0.0), point.recall or 0.0), default=best)


def judged(predictions: Predictions, labels: Sequence[str], threshold: float) -> list[tuple[str, str, str]]:
    """Return each text with its right intent and the one it is taken for; `OUTSIDE` is one of the intents."""
    rows = [
        (text, labels[target], labels[guess] if score >= threshold else OUTSIDE)
        for text, target, guess, score in zip(
            predictions.texts, predictions.targets, predictions.logits.argmax(axis=1), predictions.scope, strict=True
        )
    ]
    guesses = predictions.outside_logits.argmax(axis=1) if len(predictions.outside_texts) else ()
    rows += [
        (text, OUTSIDE, labels[guess] if score >= threshold else OUTSIDE)
        for text, guess, score in zip(predictions.outside_texts, guesses, predictions.outside_scope, strict=True)
    ]
    return rows


def confusions(rows: Sequence[tuple[str, str, str]]) -> list[Confusion]:
    """Return the pairs that are taken for each other, the most frequent first, of what `judged` returned."""
    totals = Counter(meant for _, meant, _ in rows)
    found: dict[tuple[str, str], list[str]] = {}
    for text, meant, taken in rows:
        if meant != taken:
            found.setdefault((meant, taken), []).append(text)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        Confusion(meant, taken, len(texts), len(texts) / totals[meant], tuple(texts[:_SHOWN_TEXTS]))
        for (meant, taken), texts in ranked
    ]
