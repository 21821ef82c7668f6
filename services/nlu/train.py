"""`python -m services.nlu.train DOMAIN...`: train the linear heads from the domains' examples.

Needs the extra `train` (scikit-learn). Thresholds and temperature come from five-fold cross-validation: no text
is judged by a head that has seen it.
"""

import argparse
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from mesh.config import ConfigError, load
from services.nlu.config import NluSettings
from services.nlu.domains import LanguageData, bundled_domains, load_domain
from services.nlu.encoder.cache import prepare
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.encoder.source import WEIGHTS_SHA256
from services.nlu.head import HEAD_FILE, Array, Head, data_sha256, plain, quantized, scope_features, softmax

FOLDS = 5
SEED = 20
_REGULARISATION = 20.0
_TEMPERATURES = np.geomspace(0.2, 3.0, 60)


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of a training: all by cross-validation, as fractions.

    Attributes:
        accuracy: in-scope texts whose likeliest intent is right.
        in_scope_kept: in-scope texts that are not called out of scope.
        out_of_scope_found: out-of-scope texts that are called so.
        calibration_error: mean distance of confidence and accuracy over ten bins.
    """

    examples: int
    accuracy: float
    in_scope_kept: float
    out_of_scope_found: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class _Folded:
    """What heads say of texts they have not seen."""

    logits: Array
    nearest: Array
    nearest_outside: Array
    outside_logits: Array
    outside_nearest: Array
    outside_nearest_outside: Array


def train(data: LanguageData, encoder: SentenceEncoder) -> tuple[Head, Report]:
    """Return the head trained on a domain's examples in one language, and how good it is."""
    texts, names = zip(*data.labelled, strict=True)
    labels = tuple(sorted(set(names)))
    targets = np.array([labels.index(name) for name in names])
    vectors = encoder.encode([plain(text) for text in texts])
    outside = encoder.encode([plain(text) for text in data.out_of_scope])
    folded = _cross_validate(vectors, targets, outside)
    temperature = _temperature(folded.logits, targets)
    scope = _Scope.fit(folded, temperature)
    final = _fit(vectors, targets)
    head = Head(
        labels=labels,
        weight=final.coef_.astype(np.float32),
        bias=final.intercept_.astype(np.float32),
        temperature=temperature,
        examples=quantized(vectors),
        outside=quantized(outside),
        scope_weight=scope.weight,
        scope_bias=scope.bias,
        scope_threshold=scope.threshold,
        encoder_sha256=WEIGHTS_SHA256,
        data_sha256=data_sha256(data),
    )
    probabilities = softmax(folded.logits / np.float32(temperature))
    report = Report(
        examples=len(texts),
        accuracy=float((folded.logits.argmax(axis=1) == targets).mean()),
        in_scope_kept=scope.kept,
        out_of_scope_found=scope.found,
        calibration_error=_calibration_error(probabilities, targets),
    )
    return head, report


@dataclass(frozen=True, slots=True)
class _Scope:
    weight: Array
    bias: float
    threshold: float
    kept: float
    found: float

    @classmethod
    def fit(cls, folded: _Folded, temperature: float) -> "_Scope":
        """Fit the detector; its threshold maximises kept + found (Youden's J)."""
        scale = np.float32(temperature)
        inside = scope_features(softmax(folded.logits / scale), folded.nearest, folded.nearest_outside)
        outside = scope_features(
            softmax(folded.outside_logits / scale), folded.outside_nearest, folded.outside_nearest_outside
        )
        model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
        model.fit(np.concatenate([inside, outside]), [1] * len(inside) + [0] * len(outside))
        inside_odds, outside_odds = model.decision_function(inside), model.decision_function(outside)
        thresholds = np.unique(np.concatenate([inside_odds, outside_odds]))
        middles = (thresholds[1:] + thresholds[:-1]) / 2
        kept = (inside_odds[None, :] >= middles[:, None]).mean(axis=1)
        found = (outside_odds[None, :] < middles[:, None]).mean(axis=1)
        best = int((kept + found).argmax())
        return cls(
            weight=model.coef_[0].astype(np.float32),
            bias=float(model.intercept_[0]),
            threshold=float(middles[best]),
            kept=float(kept[best]),
            found=float(found[best]),
        )


def _fit(vectors: Array, targets: "np.ndarray[Any, Any]") -> LogisticRegression:
    model = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=1000)
    model.fit(vectors, targets)
    return model


def _cross_validate(vectors: Array, targets: "np.ndarray[Any, Any]", outside: Array) -> _Folded:
    count, outside_count = len(vectors), len(outside)
    logits = np.zeros((count, targets.max() + 1), np.float32)
    nearest, nearest_outside = np.zeros(count, np.float32), np.zeros(count, np.float32)
    outside_logits = np.zeros((outside_count, logits.shape[1]), np.float32)
    outside_nearest, outside_own = np.zeros(outside_count, np.float32), np.zeros(outside_count, np.float32)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(vectors, targets)
    outside_folds = KFold(FOLDS, shuffle=True, random_state=SEED).split(outside)
    for (seen, held), (outside_seen, outside_held) in zip(folds, outside_folds, strict=True):
        model = _fit(vectors[seen], targets[seen])
        logits[held] = model.decision_function(vectors[held])
        nearest[held] = (vectors[held] @ vectors[seen].T).max(axis=1)
        nearest_outside[held] = (vectors[held] @ outside[outside_seen].T).max(axis=1)
        outside_logits[outside_held] = model.decision_function(outside[outside_held])
        outside_nearest[outside_held] = (outside[outside_held] @ vectors[seen].T).max(axis=1)
        outside_own[outside_held] = (outside[outside_held] @ outside[outside_seen].T).max(axis=1)
    return _Folded(logits, nearest, nearest_outside, outside_logits, outside_nearest, outside_own)


def _temperature(logits: Array, targets: "np.ndarray[Any, Any]") -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017, "On calibration")."""
    rows = np.arange(len(targets))
    losses = [-np.log(np.maximum(softmax(logits / np.float32(t))[rows, targets], 1e-9)).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _calibration_error(probabilities: Array, targets: "np.ndarray[Any, Any]") -> float:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * 10).astype(int), 9)
    parts = [
        abs(float(confidence[bins == b].mean()) - float(right[bins == b].mean())) * float((bins == b).mean())
        for b in range(10)
        if (bins == b).any()
    ]
    return sum(parts)


def main() -> int:
    """Train the heads of the named domains and write them beside their data."""
    parser = argparse.ArgumentParser(prog="python -m services.nlu.train", description=main.__doc__)
    parser.add_argument("domains", nargs="+", metavar="DOMAIN", help="for example: clinic shop")
    arguments = parser.parse_args()
    try:
        settings = load(NluSettings)
        encoder = SentenceEncoder(prepare(settings.cache_dir))
        for name in arguments.domains:
            domain = load_domain((settings.domains_dir or bundled_domains()) / name)
            for language, data in domain.languages.items():
                head, report = train(data, encoder)
                head.save(domain.folder / language / HEAD_FILE)
                print(f"{name}/{language}: {report}")  # noqa: T201 - it is a command
    except (ConfigError, OSError) as error:
        print(f"training: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
