"""Words as people type them: without accents, in any case."""

import unicodedata


def folded(text: str) -> str:
    """Return a text in lower case without accents: "Sí, mañana" and "si, manana" are one."""
    return unaccented(text).lower()


def unaccented(text: str) -> str:
    """Return a text without accents, capitals kept: patterns have them."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))
