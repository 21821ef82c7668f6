"""The trained part: a linear head over sentence vectors, and what tells in scope from out of scope."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mesh.config import ConfigError
from services.nlu.domains import LanguageData
from services.nlu.entities.text import straight

Array = np.ndarray[Any, np.dtype[np.float32]]

HEAD_FILE = "head.npz"
_INT8_MAX = 127.0
_PUNCTUATION = re.compile(r"[.,;:!?\"()\[\]]+(?=\s|$)|(?<!\S)[\"(\[]+")
_SPACES = re.compile(r"[\s-]+")


def plain(text: str) -> str:
    """Return a text as the head sees it: without punctuation and hyphens, for recognisers differ in them."""
    return _SPACES.sub(" ", _PUNCTUATION.sub(" ", straight(text))).strip()


def data_sha256(data: LanguageData) -> str:
    """Return the digest of all that a head is trained on."""
    content = json.dumps([data.labelled, list(data.out_of_scope)], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def softmax(logits: Array) -> Array:
    """Return probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def scope_features(probabilities: Array, nearest: Array, nearest_outside: Array) -> Array:
    """Return what the scope detector looks at, float32 of shape (texts, 3).

    Args:
        probabilities: calibrated, shape (texts, labels).
        nearest: cosine to the nearest training example, shape (texts,).
        nearest_outside: cosine to the nearest out-of-scope example, shape (texts,).
    """
    columns = [probabilities.max(axis=1), nearest, nearest_outside]
    return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Head:
    """Multinomial logistic regression with a temperature, and a logistic scope detector.

    Attributes:
        labels: intents, in the order of the weights' rows.
        weight: shape (labels, 384).
        bias: shape (labels,).
        temperature: logits are divided by it, so that confidences are right as often as they say.
        examples: vectors of the training examples, int8 of shape (examples, 384), scaled by 127.
        outside: the same of the out-of-scope examples.
        scope_weight: shape (3,), over `scope_features`.
        scope_bias: of the detector.
        scope_threshold: log-odds under which a text is out of scope.
        encoder_sha256: digest of the encoder's published weights.
        data_sha256: digest of the training data.
    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array
    temperature: float
    examples: np.ndarray[Any, np.dtype[np.int8]]
    outside: np.ndarray[Any, np.dtype[np.int8]]
    scope_weight: Array
    scope_bias: float
    scope_threshold: float
    encoder_sha256: str
    data_sha256: str

    def log_probabilities(self, vector: Array) -> Array:
        """Return the intents' log-probabilities, shape (labels,), of a sentence vector of shape (384,)."""
        probabilities = softmax((self.weight @ vector + self.bias) / np.float32(self.temperature))
        return np.log(np.maximum(probabilities, 1e-9))

    def scope_margin(self, vector: Array, log_probabilities: Array) -> float:
        """Return the log-odds of being in scope, less the threshold: negative means out of scope."""
        nearest = _nearest(self.examples, vector)
        outside = _nearest(self.outside, vector)
        features = scope_features(np.exp(log_probabilities)[None, :], np.array([nearest]), np.array([outside]))[0]
        return float(self.scope_weight @ features) + self.scope_bias - self.scope_threshold

    def save(self, path: Path) -> None:
        """Write plain arrays, readable without pickle."""
        np.savez_compressed(
            path,
            labels=np.array(self.labels),
            weight=self.weight,
            bias=self.bias,
            temperature=np.float32(self.temperature),
            examples=self.examples,
            outside=self.outside,
            scope_weight=self.scope_weight,
            scope_bias=np.float32(self.scope_bias),
            scope_threshold=np.float32(self.scope_threshold),
            encoder_sha256=np.array(self.encoder_sha256),
            data_sha256=np.array(self.data_sha256),
        )


def load_head(path: Path) -> Head:
    """Read a trained head.

    Raises:
        ConfigError: when the file is missing or no head.
    """
    domain = path.parent.parent.name
    advice = f"run `python -m services.nlu.train {domain}`"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Head(
                labels=tuple(str(label) for label in arrays["labels"]),
                weight=arrays["weight"],
                bias=arrays["bias"],
                temperature=float(arrays["temperature"]),
                examples=arrays["examples"],
                outside=arrays["outside"],
                scope_weight=arrays["scope_weight"],
                scope_bias=float(arrays["scope_bias"]),
                scope_threshold=float(arrays["scope_threshold"]),
                encoder_sha256=str(arrays["encoder_sha256"]),
                data_sha256=str(arrays["data_sha256"]),
            )
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; {advice}") from None
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no trained head ({error}); {advice}") from error


def quantized(vectors: Array) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Return vectors of length one as int8, scaled by 127: a quarter of the size, cosines within 0.01."""
    return np.round(vectors * _INT8_MAX).astype(np.int8)


def _nearest(vectors: np.ndarray[Any, np.dtype[np.int8]], vector: Array) -> float:
    if not len(vectors):
        return 0.0
    return float((vectors @ vector).max()) / _INT8_MAX
