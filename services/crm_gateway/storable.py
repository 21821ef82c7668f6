"""Texts from elsewhere as every database can hold them. Pure.

PostgreSQL holds neither U+0000 in texts nor texts longer than their column; half a surrogate pair, which JSON can
spell, is no UTF-8 anywhere.
"""

ID_LIMIT = 128
"""Characters of an id that is another system's."""


def storable(text: str, limit: int | None = None) -> str:
    """Return a text without what no database holds, cut at so many characters."""
    return text.replace("\0", "").encode(errors="replace").decode()[:limit]


def is_storable(text: str) -> bool:
    """Say whether every database holds a text, its length aside."""
    return storable(text) == text
