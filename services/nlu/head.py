"""The trained part: what turns a sentence into intents with their probabilities, and tells what is out of scope.

Two networks over the sentence encoder's vectors and a linear expert over n-grams each have an opinion; so have the
training examples that are nearest. Their weighted geometric mean, divided by a temperature, is the answer. All of it is
plain arrays in one file, read without pickle.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mesh.config import ConfigError
from services.nlu.domains import LanguageData
from services.nlu.entities.text import straight
from services.nlu.lexical import Vocabulary
from services.nlu.nearest import nearest, weighed
from services.nlu.network import Array, Layer, Network, combined, log_softmax, softmax
from services.nlu.scope import Experts, Scope, signs

__all__ = ["HEAD_FILE", "Array", "Head", "Judgement", "data_sha256", "load_head", "plain", "quantized", "softmax"]

HEAD_FILE = "head.npz"
FORMAT = 3
"""Raised when the file's form changes: a head of another form is refused with advice."""

_INT8_MAX = 127.0
_PUNCTUATION = re.compile(r"[.,;:!?\"()\[\]]+(?=\s|$)|(?<!\S)[\"(\[\u00bf\u00a1]+")
_SPACES = re.compile(r"[\s-]+")


def plain(text: str) -> str:
    """Return a text as the head sees it: without punctuation and hyphens, for recognisers differ in them."""
    return _SPACES.sub(" ", _PUNCTUATION.sub(" ", straight(text))).strip()


def data_sha256(data: LanguageData) -> str:
    """Return the digest of all that a head is trained on."""
    content = json.dumps([data.labelled, list(data.out_of_scope)], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a head says of one text.

    Attributes:
        log_probabilities: of the labels, calibrated, shape (labels,).
        scope_margin: log-odds of being in scope, less the threshold: negative means out of scope.
    """

    log_probabilities: Array
    scope_margin: float


@dataclass(frozen=True, slots=True)
class Head:
    """A trained head.

    Attributes:
        labels: the intents, in the order of all columns.
        networks: experts over the encoder's wide vector; their logits are calibrated.
        vocabulary: the n-grams that the lexical expert knows.
        lexical: the lexical expert's layer, weight of shape (n-grams, labels + 1), calibrated too.
        lexical_share: what the lexical expert counts beside the networks.
        near_share: what the scores of the nearest examples count beside all that.
        temperature: log-probabilities are divided by it, so that confidences are right as often as they say.
        examples: the training examples' mean vectors, float32 of shape (examples, 384), those of a label together.
        starts: where each label's examples begin, and the end, shape (labels + 1,).
        scope: the detector.
        metadata: what it was trained on and with, and how good it is; `encoder_sha256` and `data_sha256` among it.
    """

    labels: tuple[str, ...]
    networks: tuple[Network, ...]
    vocabulary: Vocabulary
    lexical: Layer
    lexical_share: float
    near_share: float
    temperature: float
    examples: Array
    starts: "np.ndarray[Any, np.dtype[np.int64]]"
    scope: Scope
    metadata: Mapping[str, Any]

    def judge(self, text: str, vector: Array) -> Judgement:
        """Return what a text means, given its wide vector of shape (1152,)."""
        return self.judge_all([text], vector[None, :])[0]

    def judge_all(self, texts: Sequence[str], vectors: Array) -> list[Judgement]:
        """Return what texts mean, given their wide vectors of shape (texts, 1152); one text or more."""
        experts, found = self.opinions(texts, vectors)
        logs = np.maximum(log_softmax(experts.log_probabilities / np.float32(self.temperature)), np.float32(-20.0))
        margins = self.scope.log_odds(found).tolist()
        return [Judgement(row, margin - self.scope.threshold) for row, margin in zip(logs, margins, strict=True)]

    def opinions(self, texts: Sequence[str], vectors: Array) -> tuple[Experts, Array]:
        """Return what the experts say of texts, and the texts' signs of being in scope, shape (texts, 8).

        Args:
            texts: one text or more.
            vectors: their wide vectors, shape (texts, 1152).
        """
        networks = [network(vectors) for network in self.networks]
        rows = [self.vocabulary.row(plain(text)) for text in texts]
        lexical = np.stack([weights @ self.lexical.weight[places] + self.lexical.bias for places, weights in rows])
        first = combined(networks, lexical, self.lexical_share)
        near = nearest(vectors[:, : self.examples.shape[1]], first, self.examples, self.starts)
        experts = Experts(networks, lexical, weighed(first, near, self.near_share))
        return experts, signs(experts, near.signs(experts.log_probabilities))

    def save(self, path: Path) -> None:
        """Write plain arrays, readable without pickle."""
        layers = {
            f"network{number}_{place}_{name}": getattr(layer, name).astype(np.float16)
            for number, network in enumerate(self.networks)
            for place, layer in enumerate(network.layers)
            for name in ("weight", "bias")
        }
        np.savez_compressed(
            path,
            format=np.int64(FORMAT),
            labels=np.array(self.labels),
            widths=np.array([network.width for network in self.networks]),
            depths=np.array([len(network.layers) for network in self.networks]),
            vocabulary_keys=self.vocabulary.keys,
            vocabulary_idf=self.vocabulary.idf.astype(np.float16),
            lexical_weight=self.lexical.weight.astype(np.float16),
            lexical_bias=self.lexical.bias,
            lexical_share=np.float32(self.lexical_share),
            near_share=np.float32(self.near_share),
            temperature=np.float32(self.temperature),
            examples=quantized(self.examples),
            starts=self.starts,
            scope_weight=self.scope.weight,
            scope_bias=np.float32(self.scope.bias),
            scope_threshold=np.float32(self.scope.threshold),
            metadata=np.array(json.dumps(dict(self.metadata), ensure_ascii=False)),
            **layers,
        )


def load_head(path: Path) -> Head:
    """Read a trained head.

    Raises:
        ConfigError: when the file is missing or no head.
    """
    advice = f"run `voicemesh nlu train {path.parent.parent.name}`"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if "format" not in arrays or int(arrays["format"]) != FORMAT:
                raise ConfigError(f"{path} is a head of another version; {advice}")
            return _read(arrays)
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; {advice}") from None
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no trained head ({error}); {advice}") from error


def _read(arrays: Mapping[str, Any]) -> Head:
    return Head(
        labels=tuple(str(label) for label in arrays["labels"]),
        networks=tuple(
            Network(int(width), tuple(_layer(arrays, f"network{number}_{place}_") for place in range(int(depth))))
            for number, (width, depth) in enumerate(zip(arrays["widths"], arrays["depths"], strict=True))
        ),
        vocabulary=Vocabulary(arrays["vocabulary_keys"], arrays["vocabulary_idf"].astype(np.float32)),
        lexical=_layer(arrays, "lexical_"),
        lexical_share=float(arrays["lexical_share"]),
        near_share=float(arrays["near_share"]),
        temperature=float(arrays["temperature"]),
        examples=arrays["examples"].astype(np.float32) / np.float32(_INT8_MAX),
        starts=arrays["starts"],
        scope=Scope(arrays["scope_weight"], float(arrays["scope_bias"]), float(arrays["scope_threshold"])),
        metadata=json.loads(str(arrays["metadata"])),
    )


def _layer(arrays: Mapping[str, Any], prefix: str) -> Layer:
    return Layer(arrays[f"{prefix}weight"].astype(np.float32), arrays[f"{prefix}bias"].astype(np.float32))


def quantized(vectors: Array) -> "np.ndarray[Any, np.dtype[np.int8]]":
    """Return vectors of length one as int8, scaled by 127: a quarter of the size, cosines within 0.01."""
    return np.round(vectors * _INT8_MAX).astype(np.int8)
