"""Whisper on CTranslate2 by way of faster-whisper: many languages, heavier than the default.

The model is a folder in CTranslate2's form, named by VOICEMESH_ASR_MODEL_DIR, or a pulled one named by
VOICEMESH_ASR_MODEL; nothing is downloaded at run time. Words and their probabilities come from faster-whisper, which
aligns them by the decoder's cross-attention. Phrases are given to the decoder as hot words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faster_whisper import WhisperModel

from mesh.config import ConfigError
from mesh.models import ModelStore
from services.asr.model import Recognition, Word
from services.asr.tokens import ScoredWord, mean_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.asr.config import AsrSettings
    from services.asr.model import Samples

DEFAULT_MODEL = "whisper/base.en"
# The tokenizer is looked for here; without it faster-whisper would reach for the network.
_FILES = ("model.bin", "config.json", "tokenizer.json")


def create(settings: AsrSettings) -> Whisper:
    """Return the engine; raises ``ConfigError`` when the model is not on this machine, saying how to get it."""
    folder = settings.asr_model_dir or ModelStore(settings.cache_dir).path(settings.asr_model or DEFAULT_MODEL)
    return Whisper(
        folder,
        device=settings.asr_whisper_device,
        compute_type=settings.asr_whisper_compute_type,
        threads=settings.asr_threads,
        workers=settings.asr_workers,
    )


class Whisper:
    """The engine; ``workers`` calls run at once, each on ``threads`` threads."""

    name = "whisper"

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int, workers: int) -> None:
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise ConfigError(
                f"VOICEMESH_ASR_MODEL_DIR={str(folder)!r} lacks {', '.join(missing)}: name a folder in CTranslate2's "
                f"form, or leave it unset and run `voicemesh models pull {DEFAULT_MODEL}`"
            )
        self.model = folder.name
        self._whisper = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=threads,
            num_workers=workers,
            local_files_only=True,
        )
        self.languages = tuple(self._whisper.supported_languages)

    def transcribe(self, samples: Samples, *, phrases: Sequence[str], language: str, want_words: bool) -> Recognition:
        """Return what ``samples`` say, decoded greedily; words only if they are wanted, since they cost a pass."""
        segments, _ = self._whisper.transcribe(
            samples,
            language=language.split("-", maxsplit=1)[0].lower(),
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=want_words,
            hotwords=", ".join(phrases) or None,
        )
        found = list(segments)
        words = [
            Word(word.word.strip(), max(word.start, 0.0), max(word.end, word.start, 0.0), word.probability)
            for segment in found
            for word in segment.words or ()
            if word.word.strip()
        ]
        return Recognition(
            text=" ".join(segment.text.strip() for segment in found).strip(),
            words=tuple(words),
            confidence=mean_confidence([ScoredWord(word.text, word.confidence or 0.0) for word in words]),
        )
