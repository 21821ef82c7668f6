"""Words as people type them: without accents, in any case."""

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Return a text in lower case without accents: "Sí, mañana" and "si, manana" are one."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))
