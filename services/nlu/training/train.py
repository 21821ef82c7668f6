"""Training a head: experts, their weights, the temperature and the operating point.

All that is chosen - temperatures, the lexical expert's share, the detector, the threshold - is chosen on texts that the
experts at hand have not seen: by cross-validation, and the threshold on the validation part where there is one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.nlu.encoder.encoder import DIMENSION, SentenceEncoder
from services.nlu.encoder.source import WEIGHTS_SHA256
from services.nlu.head import Head, plain
from services.nlu.nearest import NEAR_LABELS, Near, nearest, weighed
from services.nlu.network import Array, Layer, Network, combined
from services.nlu.scope import EVERYTHING, Experts, Scope, signs
from services.nlu.training import figures
from services.nlu.training.experts import MANY, SEED, Fitted, Ints, Texts, fit, matrix
from services.nlu.training.figures import Predictions

COST = 0.005
"""How much in-scope accuracy the operating point may cost at most."""

LEAST_OUTSIDE = 5
"""With fewer out-of-scope texts no detector is trained: everything is in scope."""

_FOLDS = 5
_FOLDS_OF_MANY = 4
_SHARES = (0.0, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0)
_NEAR_SHARES = (0.0, 0.15, 0.3, 0.5, 0.8)
_LEXICAL_AT_FIRST = 0.5
"""The lexical expert's share while it is not chosen yet: for which labels' examples are looked at."""
_DETECTOR_C = 0.1


@dataclass(frozen=True, slots=True)
class Examples:
    """What is trained on.

    Attributes:
        texts: in-scope texts.
        names: their intents.
        outside: out-of-scope texts; may be empty.
        validation: which in-scope texts the threshold is chosen on; none: all.
        outside_validation: the same of the out-of-scope texts.
    """

    texts: Sequence[str]
    names: Sequence[str]
    outside: Sequence[str]
    validation: Sequence[bool] = ()
    outside_validation: Sequence[bool] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """A head and what heads like it say of texts they have not seen."""

    head: Head
    predictions: Predictions


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What experts say of texts they have not seen: in-scope ones first, then the others."""

    networks: list[Array]
    lexical: Array
    near: Near


def train(
    examples: Examples, encoder: SentenceEncoder, *, cost: float = COST, metadata: Mapping[str, Any] | None = None
) -> Trained:
    """Return the head trained on examples, and its cross-validated predictions.

    Args:
        examples: two intents or more, each of two texts or more.
        encoder: the frozen encoder.
        cost: how much in-scope accuracy the operating point may cost.
        metadata: kept in the head beside what is recorded anyway.
    """
    labels = tuple(sorted(set(examples.names)))
    order = np.argsort([labels.index(name) for name in examples.names], kind="stable")
    targets = np.array([labels.index(examples.names[place]) for place in order])
    inside = _encoded([examples.texts[place] for place in order], encoder)
    outside = _encoded(examples.outside, encoder)
    unseen = _cross_validate(inside, targets, outside)
    temperatures = [_temperature(logits[: len(targets), :-1], targets) for logits in (*unseen.networks, unseen.lexical)]
    experts, shares = _mixed(unseen, temperatures, targets)
    temperature = figures.best_temperature(experts.log_probabilities[: len(targets)], targets)
    found = signs(experts, unseen.near.signs(experts.log_probabilities))
    scope, scores = _detector(found, len(targets))
    predictions = _predictions(inside, targets, outside, experts, scores)
    validation = (
        np.asarray(examples.validation, bool)[order] if len(examples.validation) else np.ones(len(targets), bool)
    )
    judged = _part(predictions, validation, np.asarray(examples.outside_validation, bool))
    point = figures.pick(figures.operating_points(judged), cost)
    fitted = _calibrated(fit(inside, targets, outside), temperatures)
    head = Head(
        labels=labels,
        networks=fitted.networks,
        vocabulary=fitted.vocabulary,
        lexical=fitted.lexical,
        lexical_share=shares[0],
        near_share=shares[1],
        temperature=temperature,
        examples=np.ascontiguousarray(inside.vectors[:, :DIMENSION]),
        starts=np.searchsorted(targets, np.arange(len(labels) + 1)).astype(np.int64),
        scope=replace(scope, threshold=point.threshold),
        metadata={**_metadata(examples), **(metadata or {})},
    )
    return Trained(head, predictions)


def predict(head: Head, texts: Sequence[str], targets: Ints, outside: Sequence[str], vectors: Array) -> Predictions:
    """Return what a head says of texts it was not trained on.

    Args:
        head: the head.
        texts: in-scope texts.
        targets: the places of their labels.
        outside: out-of-scope texts.
        vectors: the wide vectors of both, in that order.
    """
    everything = [*texts, *outside]
    experts, found = head.opinions(everything, vectors)
    scores = head.scope.log_odds(found)
    count = len(texts)
    return Predictions(
        texts, targets, experts.log_probabilities[:count], scores[:count],
        outside, experts.log_probabilities[count:], scores[count:],
    )  # fmt: skip


def _encoded(texts: Sequence[str], encoder: SentenceEncoder) -> Texts:
    return Texts(texts, encoder.pooled([plain(text) for text in texts]))


def _cross_validate(inside: Texts, targets: Ints, outside: Texts) -> _Unseen:
    count, columns = len(targets) + len(outside.texts), int(targets.max()) + 2
    logits = [np.zeros((count, columns), np.float32) for _ in range(3)]
    width = min(NEAR_LABELS, columns - 1)
    near = Near(
        np.zeros((count, width), np.int64),
        np.zeros((count, width), np.float32),
        np.zeros(count, np.float32),
        np.zeros((count, width), np.float32),
    )
    folds = min(_FOLDS if len(targets) < MANY else _FOLDS_OF_MANY, int(np.bincount(targets).min()))
    parts = StratifiedKFold(folds, shuffle=True, random_state=SEED).split(inside.vectors, targets)
    for (seen, held), (outside_seen, outside_held) in zip(
        parts, _outside_parts(len(outside.texts), folds), strict=True
    ):
        fitted = fit(inside.at(seen), targets[seen], outside.at(outside_seen))
        rows = np.concatenate([held, len(targets) + outside_held])
        texts = Texts(
            [*(inside.texts[place] for place in held), *(outside.texts[place] for place in outside_held)],
            np.concatenate([inside.vectors[held], outside.vectors[outside_held]]),
        )
        said = [network(texts.vectors) for network in fitted.networks]
        lexical = matrix(fitted.vocabulary, texts.texts) @ fitted.lexical.weight + fitted.lexical.bias
        for kept, new in zip(logits, (*said, lexical), strict=True):
            kept[rows] = new
        likely = combined(said, np.asarray(lexical, np.float32), _LEXICAL_AT_FIRST)
        starts = np.searchsorted(targets[seen], np.arange(columns))
        part = nearest(texts.vectors[:, :DIMENSION], likely, inside.vectors[seen, :DIMENSION], starts)
        for name in ("labels", "scores", "cosine", "shares"):
            getattr(near, name)[rows] = getattr(part, name)
    return _Unseen(logits[:-1], logits[-1], near)


def _outside_parts(count: int, folds: int) -> list[tuple[Ints, Ints]]:
    """Return folds of the out-of-scope texts; where they are fewer than folds, all are seen and none is judged."""
    if count < folds:
        return [(np.arange(count), np.arange(0))] * folds
    return list(KFold(folds, shuffle=True, random_state=SEED).split(np.arange(count)))


def _temperature(logits: Array, targets: Ints) -> float:
    return figures.best_temperature(logits, targets)


def _mixed(unseen: _Unseen, temperatures: Sequence[float], targets: Ints) -> tuple[Experts, tuple[float, float]]:
    """Return the calibrated experts together, and the shares of the lexical expert and of the nearest examples.

    Each share is that of least log loss and error together, the lexical expert's first. The loss alone favours whoever
    is well calibrated; the error alone is coarse where texts are few.
    """
    scale = [np.float32(each) for each in temperatures]
    networks = [logits / t for logits, t in zip(unseen.networks, scale, strict=False)]
    lexical = unseen.lexical / scale[-1]
    rows = np.arange(len(targets))

    def loss(mixture: Array) -> float:
        logits = mixture[: len(targets)]
        calibrated = logits / np.float32(figures.best_temperature(logits, targets))
        return figures.log_loss(calibrated, rows, targets) + 1 - figures.accuracy(logits, targets)

    best, first = min(
        ((share, combined(networks, lexical, share)) for share in _SHARES), key=lambda each: loss(each[1])
    )
    near, mixture = min(
        ((share, weighed(first, unseen.near, share)) for share in _NEAR_SHARES), key=lambda each: loss(each[1])
    )
    return Experts(networks, lexical, mixture), (best, near)


def _detector(found: Array, inside: int) -> tuple[Scope, Array]:
    """Return the detector fitted on all signs, and its cross-validated log-odds."""
    outside = len(found) - inside
    if outside < LEAST_OUTSIDE or not found[inside:].any():
        return EVERYTHING, np.zeros(len(found), np.float32)
    is_inside = np.arange(len(found)) < inside
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_DETECTOR_C, class_weight="balanced", max_iter=2000))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=SEED)
    scores = cross_val_predict(model, found, is_inside, cv=folds, method="decision_function")
    model.fit(found, is_inside)
    scaler, regression = model.named_steps["standardscaler"], model.named_steps["logisticregression"]
    weight = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weight @ scaler.mean_)
    return Scope(weight.astype(np.float32), bias, 0.0), scores.astype(np.float32)


def _predictions(inside: Texts, targets: Ints, outside: Texts, experts: Experts, scores: Array) -> Predictions:
    count = len(targets)
    logs = experts.log_probabilities
    return Predictions(inside.texts, targets, logs[:count], scores[:count], outside.texts, logs[count:], scores[count:])


def _part(predictions: Predictions, inside: "np.ndarray[Any, Any]", outside: "np.ndarray[Any, Any]") -> Predictions:
    """Return the validation part of predictions: all, where no text is marked."""
    if not inside.any():
        inside = np.ones_like(inside)
    if not outside.any():
        outside = np.ones(len(predictions.outside_texts), bool)
    return Predictions(
        [text for text, kept in zip(predictions.texts, inside, strict=True) if kept],
        predictions.targets[inside], predictions.logits[inside], predictions.scope[inside],
        [text for text, kept in zip(predictions.outside_texts, outside, strict=True) if kept],
        predictions.outside_logits[outside], predictions.outside_scope[outside],
    )  # fmt: skip


def _calibrated(fitted: Fitted, temperatures: Sequence[float]) -> Fitted:
    networks = tuple(
        Network(network.width, (*network.layers[:-1], _divided(network.layers[-1], temperature)))
        for network, temperature in zip(fitted.networks, temperatures, strict=False)
    )
    return Fitted(networks, fitted.vocabulary, _divided(fitted.lexical, temperatures[-1]))


def _divided(layer: Layer, by: float) -> Layer:
    return Layer(layer.weight / np.float32(by), layer.bias / np.float32(by))


def _metadata(examples: Examples) -> dict[str, Any]:
    content = json.dumps(
        [list(zip(examples.texts, examples.names, strict=True)), list(examples.outside)], ensure_ascii=False
    )
    return {
        "encoder_sha256": WEIGHTS_SHA256,
        "data_sha256": hashlib.sha256(content.encode()).hexdigest(),
        "scikit_learn": sklearn.__version__,
    }
