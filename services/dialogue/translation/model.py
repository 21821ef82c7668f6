"""What a translator is."""

import re
from collections.abc import Sequence
from typing import Protocol

_BETWEEN = re.compile(r"(?<=[.!?\u2026])\s+")


class TranslationError(Exception):
    """Something cannot be translated; the text says why and what to do."""


class Translator(Protocol):
    """Translates sentences. Languages are primary tags: "es"."""

    async def translate(self, sentences: Sequence[str], source: str, target: str) -> list[str]:
        """Return each sentence in the other language.

        Raises:
            TranslationError: there is no model for the two, or it fails.
        """
        ...


async def translate_texts(translator: Translator, texts: Sequence[str], source: str, target: str) -> list[str]:
    """Return texts of any length in the other language; models take a sentence at a time.

    Raises:
        TranslationError: they cannot be translated.
    """
    parts = [[part for part in _BETWEEN.split(text.strip()) if part] for text in texts]
    words = iter(await translator.translate([part for sentences in parts for part in sentences], source, target))
    return [" ".join(next(words) for _ in sentences) for sentences in parts]
