"""Moonshine on onnxruntime: an encoder and a decoder with cached keys, small enough for one core.

The package `moonshine-voice` carries the English "tiny" model (27 M parameters, int8); a folder with the same
three files, such as a pulled larger model, may take its place. Only the package's files are used, none of its
code.

Word times are estimates, because the model's cross-attention is not exported: see ``services.asr.alignment``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from mesh.config import ConfigError
from services.asr.alignment import align
from services.asr.model import SAMPLE_RATE_HZ, Recognition
from services.asr.tokens import Token, load_vocabulary, mean_confidence, spell, split_words
from services.asr.vad import session_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from services.asr.config import AsrSettings
    from services.asr.model import Samples

    Arrays = dict[str, NDArray[np.generic]]

_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
_START = 1
_END = 2
# Speech holds some 6.5 tokens a second at the most; a model that says more is going in circles.
_TOKENS_A_SECOND = 6.5
_SPARE_TOKENS = 8
# Below this the encoder's convolutions have nothing to work on.
_MIN_SAMPLES = SAMPLE_RATE_HZ // 8


def create(settings: AsrSettings) -> Moonshine:
    """Return the engine; raises ``ConfigError`` when its files are missing."""
    return Moonshine(settings.asr_model_dir or bundled_dir(), threads=settings.asr_threads)


def bundled_dir() -> Path:
    """Return the folder of the English model in its package; raises ``ConfigError`` when it is not installed."""
    # Found, not imported: the package's own code asks for a sound card.
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise ConfigError("the package moonshine-voice is not installed; install the extra voicemesh[asr]")
    return Path(spec.origin).parent / "assets" / "tiny-en"


class Moonshine:
    """The engine; safe for use by many threads. Phrases are ignored: the model takes no hints."""

    name = "moonshine"
    languages = ("en",)

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise ConfigError(
                f"VOICEMESH_ASR_MODEL_DIR={str(folder)!r} lacks {', '.join(missing)}: name a folder of a Moonshine "
                "model, or leave it unset for the bundled one"
            )
        self.model = folder.name
        options = session_options(threads)
        self._encoder = onnxruntime.InferenceSession(str(folder / _FILES[0]), options)
        self._decoder = onnxruntime.InferenceSession(str(folder / _FILES[1]), options)
        self._vocabulary = load_vocabulary((folder / _FILES[2]).read_bytes())
        self._caches = [i for i in self._decoder.get_inputs() if i.name.startswith("past_key_values.")]
        self._outputs = [o.name for o in self._decoder.get_outputs()]

    def transcribe(
        self,
        samples: Samples,
        *,
        phrases: Sequence[str],  # noqa: ARG002 - part of the engines' contract
        language: str,  # noqa: ARG002 - it knows one
        want_words: bool,
    ) -> Recognition:
        """Return what ``samples`` say, decoded greedily; an empty text for less than an eighth of a second."""
        if len(samples) < _MIN_SAMPLES:
            return Recognition("")
        tokens = list(self._decode(samples))
        words = split_words(tokens)
        return Recognition(
            text=spell(tokens),
            words=tuple(align(words, samples)) if want_words else (),
            confidence=mean_confidence(words),
        )

    def _decode(self, samples: Samples) -> Iterator[Token]:
        # The decoder wants its mask in audio samples too, not in the encoder's frames.
        mask = np.ones((1, len(samples)), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None, :], "attention_mask": mask})
        feed: Arrays = {
            "encoder_attention_mask": mask,
            "encoder_hidden_states": hidden,
            "input_ids": np.array([[_START]]),
            "use_cache_branch": np.array([False]),
            **{cache.name: self._empty(cache.shape) for cache in self._caches},
        }
        for _ in range(int(len(samples) / SAMPLE_RATE_HZ * _TOKENS_A_SECOND) + _SPARE_TOKENS):
            outputs = dict(zip(self._outputs, self._decoder.run(None, feed), strict=True))
            best, probability = _most_likely(outputs["logits"][0, -1])
            if best == _END:
                return
            yield Token(self._vocabulary[best], probability)
            self._keep_caches(feed, outputs)
            feed["input_ids"] = np.array([[best]])

    def _keep_caches(self, feed: Arrays, outputs: Arrays) -> None:
        """Move the decoder's caches on; those over the encoder are right only in the first call's answer."""
        first = not feed["use_cache_branch"][0]
        for cache in self._caches:
            if first or ".decoder." in cache.name:
                feed[cache.name] = outputs[cache.name.replace("past_key_values.", "present.")]
        feed["use_cache_branch"] = np.array([True])

    @staticmethod
    def _empty(shape: list[int | str]) -> NDArray[np.float32]:
        _, heads, _, size = shape
        return np.zeros((1, int(heads), 0, int(size)), np.float32)


def _most_likely(logits: NDArray[np.float32]) -> tuple[int, float]:
    best = int(logits.argmax())
    return best, float(1.0 / np.exp(logits - logits[best]).sum())
