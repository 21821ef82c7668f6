"""Content apart from events: encrypted objects in a folder or an S3-compatible store, and references to them."""

from mesh.content.errors import (
    ContentAwayError,
    ContentError,
    ContentKeyError,
    ContentMissingError,
    ContentTamperedError,
    ContentUriError,
    KeysError,
)
from mesh.content.keys import Keys, new_key, open_keys
from mesh.content.references import Reference, path_of, uri_of
from mesh.content.settings import ContentSettings
from mesh.content.store import ContentStore, Rewrapped, Stored, open_store

__all__ = [
    "ContentAwayError",
    "ContentError",
    "ContentKeyError",
    "ContentMissingError",
    "ContentSettings",
    "ContentStore",
    "ContentTamperedError",
    "ContentUriError",
    "Keys",
    "KeysError",
    "Reference",
    "Rewrapped",
    "Stored",
    "new_key",
    "open_keys",
    "open_store",
    "path_of",
    "uri_of",
]
