"""OPUS-MT models in CTranslate2's format, a folder for two languages: `voicemesh models pull opus-mt/es-en`."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from mesh.config import ConfigError
from services.dialogue.translation.model import TranslationError, Translator
from services.dialogue.translation.pieces import joined, read_pieces

_END = "</s>"
_BEAM = 2
_LONGEST = 256
"""Pieces of a sentence."""


class OpusTranslator(Translator):
    """Translates with the models below `<cache folder>/opus-mt`, each loaded when it is first wanted.

    Runs in a thread of its own, one after another: calls that are over can wait.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="translation")
        self._model = cache(lambda source, target: _Model(self.folder(source, target)))

    def folder(self, source: str, target: str) -> Path:
        """Return where the model for two languages lies, or would."""
        return self._cache_dir / "opus-mt" / f"{source}-{target}"

    def lacking(self, source: str, target: str) -> str:
        """Return what is to be done before it can translate; empty: nothing."""
        if (self.folder(source, target) / "model.bin").is_file():
            return ""
        return (
            f"there is no translation from {source} to {target}; run: voicemesh models pull opus-mt/{source}-{target}"
        )

    def close(self) -> None:
        """Translate no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def translate(self, sentences: Sequence[str], source: str, target: str) -> list[str]:
        """Return each sentence in the other language; see `Translator`."""
        if lacking := self.lacking(source, target):
            raise TranslationError(lacking)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: self._model(source, target).translate(sentences)
        )


class _Model:
    """One model. Blocks."""

    def __init__(self, folder: Path) -> None:
        try:
            import ctranslate2  # noqa: PLC0415 - an extra: only who uses it needs it

            self._translator = ctranslate2.Translator(str(folder), device="cpu", compute_type="auto", intra_threads=1)
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except ImportError as error:
            raise ConfigError(f"translation needs a package that is not installed ({error})") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise TranslationError(f"{folder} holds no OPUS-MT model in CTranslate2's format: {error}") from error
        # Where the model does not add it by itself, the source's end must be written.
        self._end: list[str] = [] if config.get("add_source_eos") else [_END]
        self._pieces: Any = read_pieces(folder / "source.spm")

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return each sentence in the other language."""
        cut = [[*self._pieces.encode(sentence).tokens[:_LONGEST], *self._end] for sentence in sentences]
        try:
            results = self._translator.translate_batch(cut, beam_size=_BEAM, max_decoding_length=_LONGEST)
        except (RuntimeError, ValueError) as error:
            raise TranslationError(f"the translation failed: {error}") from error
        return [joined([piece for piece in result.hypotheses[0] if piece != _END]) for result in results]
