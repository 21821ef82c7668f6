"""What can go wrong with stored content, each with what to do about it."""

from mesh.config import ConfigError


class ContentError(Exception):
    """Content cannot be written or read; the text says why and what to do."""


class ContentMissingError(ContentError):
    """Nothing lies there: it was erased, its time ran out, or the reference is of another store."""


class ContentTamperedError(ContentError):
    """What lies there is not what was written: it was changed, moved from another place, or cut short."""


class ContentKeyError(ContentError):
    """What lies there was encrypted with a key that this process does not have."""


class ContentAwayError(ContentError):
    """The store does not answer; the same may be tried again."""


class ContentUriError(ContentError, ValueError):
    """A reference that names no place in a content store."""


class KeysError(ConfigError):
    """The keys cannot be used; the text names the variable and what to do."""
