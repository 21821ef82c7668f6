"""What a translator is."""

from collections.abc import Sequence
from typing import Protocol


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
