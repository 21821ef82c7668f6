"""Fitting the experts: scikit-learn in, plain arrays out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from services.nlu.encoder.encoder import DIMENSION, POOLED_DIMENSION
from services.nlu.head import plain
from services.nlu.lexical import Vocabulary, learn
from services.nlu.network import Array, Layer, Network

Ints = np.ndarray[Any, np.dtype[np.intp]]

SEED = 20
WIDTHS = (POOLED_DIMENSION, DIMENSION)
"""What each network sees: all three views of a sentence, and the mean alone."""

MANY = 3000
"""From that many texts on, networks get a hidden layer; fewer are better served by a regression."""

_HIDDEN = 256
_EPOCHS = 12
_WEIGHT_DECAY = 0.1
_BATCH = 256
_REGRESSION_C = {POOLED_DIMENSION: 10.0, DIMENSION: 20.0}
_LEXICAL_C = 1.0
_SEEN_IN = 2
_OUTSIDE_SHARE = 0.066
_MOST_REPEATS = 10
_NEVER = -20.0


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts and their wide vectors, shape (texts, 1152)."""

    texts: Sequence[str]
    vectors: Array

    def at(self, places: Ints) -> "Texts":
        """Return some of them."""
        return Texts([self.texts[place] for place in places], self.vectors[places])


@dataclass(frozen=True, slots=True)
class Fitted:
    """Experts as fitted, not calibrated yet."""

    networks: tuple[Network, ...]
    vocabulary: Vocabulary
    lexical: Layer


def fit(inside: Texts, targets: Ints, outside: Texts) -> Fitted:
    """Fit all experts on in-scope texts with their labels' places, and on out-of-scope texts.

    Out of scope is one more label. Where its texts are few they are repeated, up to ten times, so that it weighs like
    a few labels and not like one.
    """
    labels = int(targets.max()) + 1
    repeats = _repeats(len(inside.texts), len(outside.texts))
    places = np.tile(np.arange(len(outside.texts)), repeats)
    rows = Texts(
        [*inside.texts, *(outside.texts[place] for place in places)],
        np.concatenate([inside.vectors, outside.vectors[places]]),
    )
    classes = np.concatenate([targets, np.full(len(places), labels)])
    texts = [plain(text) for text in (*inside.texts, *outside.texts)]
    # Of a handful of texts no n-gram may stand in several.
    vocabulary = learn(texts, seen_in=_SEEN_IN)
    if not len(vocabulary.keys):
        vocabulary = learn(texts)
    with warnings.catch_warnings():
        # Training stops after a fixed number of rounds on purpose: more of them fit the examples, not the callers.
        warnings.simplefilter("ignore", ConvergenceWarning)
        networks = tuple(
            _network(rows.vectors, classes, labels, width, SEED + number) for number, width in enumerate(WIDTHS)
        )
        lexical = _lexical(matrix(vocabulary, rows.texts), classes, labels)
    return Fitted(networks, vocabulary, lexical)


def matrix(vocabulary: Vocabulary, texts: Sequence[str]) -> csr_matrix:
    """Return texts as the lexical expert sees them, a sparse matrix of shape (texts, n-grams)."""
    rows = [vocabulary.row(plain(text)) for text in texts]
    ends = np.cumsum([0, *(len(places) for places, _ in rows)])
    places = np.concatenate([places for places, _ in rows]) if rows else np.zeros(0, np.intp)
    weights = np.concatenate([weights for _, weights in rows]) if rows else np.zeros(0, np.float32)
    return csr_matrix((weights, places, ends), shape=(len(rows), len(vocabulary.keys)))


def _repeats(inside: int, outside: int) -> int:
    return int(np.clip(round(_OUTSIDE_SHARE * inside / outside), 1, _MOST_REPEATS)) if outside else 0


def _network(vectors: Array, classes: Ints, labels: int, width: int, seed: int) -> Network:
    seen = vectors[:, :width]
    middle, spread = seen.mean(axis=0), float(seen.std(axis=0).mean()) or 1.0
    if len(seen) < MANY:
        regression = LogisticRegression(C=_REGRESSION_C[width], class_weight="balanced", max_iter=1000)
        regression.fit(seen, classes)
        layer = _last(regression.coef_.T, regression.intercept_, labels)
        return Network(width, (layer,))
    perceptron = MLPClassifier((_HIDDEN,), alpha=_WEIGHT_DECAY, batch_size=_BATCH, max_iter=_EPOCHS, random_state=seed)
    perceptron.fit(((seen - middle) / spread).astype(np.float32), classes)
    first, second = perceptron.coefs_
    shifted = perceptron.intercepts_[0] - (middle / spread) @ first
    hidden = Layer((first / spread).astype(np.float32), shifted.astype(np.float32))
    return Network(width, (hidden, _last(second, perceptron.intercepts_[1], labels)))


def _lexical(rows: csr_matrix, classes: Ints, labels: int) -> Layer:
    machine = LinearSVC(C=_LEXICAL_C, random_state=SEED)
    machine.fit(rows, classes)
    return _last(machine.coef_.T, machine.intercept_, labels)


def _last(weight: "np.ndarray[Any, Any]", bias: "np.ndarray[Any, Any]", labels: int) -> Layer:
    """Return a last layer of `labels` + 1 columns.

    Of two classes scikit-learn keeps one column, the second's; without out-of-scope texts there is no column for them,
    and one that is always very unlikely takes its place.
    """
    if weight.shape[1] == 1:
        weight = np.hstack([np.zeros_like(weight), weight])
        bias = np.concatenate([[0.0], bias])
    if weight.shape[1] == labels:
        weight = np.hstack([weight, np.zeros((len(weight), 1))])
        bias = np.concatenate([bias, [_NEVER]])
    return Layer(weight.astype(np.float32), bias.astype(np.float32))
