"""Moonshine on onnxruntime: small enough for one core, one language a model.

The package `moonshine-voice` carries "tiny-en" (27 M parameters, int8); a pulled larger model, or any folder with the
same three files, may take its place. Only the package's files are used, none of its code.

Likely phrases are weighed in a second look: where one sounds like what was recognised, the decoder says how likely
the transcript with the phrase is, and the phrase wins if it is not much less likely.

Word times are estimates, because the model's cross-attention is not exported: see ``services.asr.alignment``.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mesh.config import ConfigError
from mesh.models import ModelStore
from services.asr import phrases as likely
from services.asr.alignment import align
from services.asr.engines.moonshine_network import DECODER_FILE, ENCODER_FILE, Network
from services.asr.model import SAMPLE_RATE_HZ, Recognition
from services.asr.tokens import ScoredWord, Token, Vocabulary, mean_confidence, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.asr.config import AsrSettings
    from services.asr.engines.moonshine_network import Encoded
    from services.asr.model import Samples

_VOCABULARY_FILE = "tokenizer.bin"
# Below this the encoder's convolutions have nothing to work on.
_MIN_SAMPLES = SAMPLE_RATE_HZ // 8
# How much less likely, as a logarithm, a transcript with a likely phrase may be and still win. Measured: the truth
# lost by 4 to 5.5 where it was misheard, words really said win by 8 and more.
_PHRASE_BONUS = 6.0
# Each look takes the decoder some 6 ms.
_MOST_TRIED = 6
_PEAK = 0.9


def create(settings: AsrSettings) -> Moonshine:
    """Return the engine; raises ``ConfigError`` when its files are missing."""
    pulled = ModelStore(settings.cache_dir).path(settings.asr_model) if settings.asr_model else None
    return Moonshine(settings.asr_model_dir or pulled or bundled_dir(), threads=settings.asr_threads)


def bundled_dir() -> Path:
    """Return the folder of the English model in its package; raises ``ConfigError`` when it is not installed."""
    # Found, not imported: the package's own code asks for a sound card.
    spec = importlib.util.find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise ConfigError("the package moonshine-voice is not installed; install the extra voicemesh[asr]")
    return Path(spec.origin).parent / "assets" / "tiny-en"


class Moonshine:
    """The engine; safe for use by many threads."""

    name = "moonshine"

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        wanted = (ENCODER_FILE, DECODER_FILE, _VOCABULARY_FILE)
        missing = [name for name in wanted if not (folder / name).is_file()]
        if missing:
            raise ConfigError(
                f"VOICEMESH_ASR_MODEL_DIR={str(folder)!r} lacks {', '.join(missing)}: name a folder of a Moonshine "
                "model, or leave it unset for the bundled one"
            )
        self.model = folder.name
        # The models are named by size and language: tiny-en, base-es.
        self.languages = (folder.name.rpartition("-")[2],)
        self._network = Network(folder, threads=threads)
        self._vocabulary = Vocabulary((folder / _VOCABULARY_FILE).read_bytes())

    def transcribe(
        self,
        samples: Samples,
        *,
        phrases: Sequence[str],
        language: str,  # noqa: ARG002 - it knows one
        want_words: bool,
    ) -> Recognition:
        """Return what ``samples`` say; an empty text for less than an eighth of a second.

        Phrases are weighed only where the words are wanted: what is partial must be quick.
        """
        if len(samples) < _MIN_SAMPLES:
            return Recognition("")
        audio = self._network.encode(_raise(samples))
        heard = self._network.decode(audio)
        words = split_words(self._tokens(heard.ids, heard.probabilities))
        if want_words and phrases:
            words = self._weigh(audio, words, heard.log_probability, phrases)
        return Recognition(
            text=" ".join(word.text for word in words),
            words=tuple(align(words, samples)) if want_words else (),
            confidence=mean_confidence(words),
        )

    def _tokens(self, ids: Sequence[int], probabilities: Sequence[float]) -> list[Token]:
        pieces = self._vocabulary.pieces
        return [Token(pieces[i], p) for i, p in zip(ids, probabilities, strict=True)]

    def _weigh(self, audio: Encoded, words: list[ScoredWord], heard: float, phrases: Sequence[str]) -> list[ScoredWord]:
        """Put phrases in the place of words that they sound like, where the audio allows it."""
        tried: set[str] = set()
        while len(tried) < _MOST_TRIED:
            texts = [word.text for word in words]
            for candidate in likely.candidates(texts, phrases, tried=tried):
                tried.add(candidate.phrase)
                ids = self._vocabulary.encode(" ".join(likely.replace(texts, candidate)))
                likelihood = self._network.score(audio, ids).log_probability
                if likelihood + _PHRASE_BONUS > heard:
                    words = _put(words, candidate, likelihood + _PHRASE_BONUS - heard)
                    heard = likelihood
                    # Its place and those behind it are others now: look again.
                    break
            else:
                break
        return words


def _raise(samples: Samples) -> Samples:
    """Return the samples at the level the model likes: a caller on a quiet line is understood better so.

    Measured on telephone speech at a tenth of its level: 15 words wrong in a hundred instead of 17.
    """
    peak = np.abs(samples).max()
    return samples if peak == 0 else samples * np.float32(_PEAK / peak)


def _put(words: list[ScoredWord], candidate: likely.Candidate, ahead: float) -> list[ScoredWord]:
    """Return the words with the phrase, at the probability that it, rather than what it replaced, was said."""
    confidence = 1.0 / (1.0 + math.exp(-ahead))
    texts = likely.replace([word.text for word in words], candidate)
    spoken = texts[candidate.first : len(texts) - len(words) + candidate.last]
    phrase = [ScoredWord(text, confidence) for text in spoken]
    return [*words[: candidate.first], *phrase, *words[candidate.last :]]
