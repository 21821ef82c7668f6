"""Objects as they lie in the store: a header, then the content under AES-256-GCM.

======  =====================================================================
bytes   what
======  =====================================================================
4       ``VMC`` and the version of this form, 1
1       length of the key's id
n       the key's id, ASCII
12      the nonce, fresh for each object that is written
rest    the cipher text, and its tag of 16 bytes
======  =====================================================================

What is authenticated beside the content: the header before the nonce, the tenant and the object's path, each behind its
length (4 bytes, big-endian). So an object that is moved to another place, or to another tenant, can not be read there.
Of random nonces 2^32 objects a key are safe (NIST SP 800-38D, 8.3): rotate long before.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh.content.errors import ContentTamperedError
from mesh.content.keys import Key, Keys

VERSION = 1
_MAGIC = b"VMC" + bytes([VERSION])
_NONCE = 12
_TAG = 16
LONGEST_HEADER = len(_MAGIC) + 1 + 64


def seal(data: bytes, key: Key, tenant_id: str, path: str) -> bytes:
    """Encrypt an object of a tenant for its path."""
    key_id = key.id.encode("ascii")
    header = _MAGIC + bytes([len(key_id)]) + key_id
    nonce = secrets.token_bytes(_NONCE)
    cipher = AESGCM(key.octets)
    return header + nonce + cipher.encrypt(nonce, data, _beside(header, tenant_id, path))


def unseal(sealed: bytes, keys: Keys, tenant_id: str, path: str) -> bytes:
    """Decrypt the object that lies at a path of a tenant.

    Raises:
        ContentTamperedError: it is not what was written there.
        ContentKeyError: its key is not there.
    """
    key_id = key_id_of(sealed, path)
    key = keys.of(key_id)
    begin = len(_MAGIC) + 1 + len(key_id)
    nonce, cipher_text = sealed[begin : begin + _NONCE], sealed[begin + _NONCE :]
    if len(cipher_text) < _TAG:
        raise _tampered(path)
    try:
        cipher = AESGCM(key.octets)
        return cipher.decrypt(nonce, cipher_text, _beside(sealed[:begin], tenant_id, path))
    except InvalidTag:
        raise _tampered(path) from None


def key_id_of(sealed: bytes, path: str) -> str:
    """Return the id of an object's key; `sealed` may be its beginning alone, `LONGEST_HEADER` bytes of it.

    Raises:
        ContentTamperedError: it is no such object.
    """
    if not sealed.startswith(_MAGIC) or len(sealed) <= len(_MAGIC):
        raise _tampered(path)
    length = sealed[len(_MAGIC)]
    key_id = sealed[len(_MAGIC) + 1 : len(_MAGIC) + 1 + length]
    if len(key_id) != length or not length or not key_id.isascii():
        raise _tampered(path)
    return key_id.decode("ascii")


def _beside(header: bytes, tenant_id: str, path: str) -> bytes:
    parts = (header, tenant_id.encode(), path.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _tampered(path: str) -> ContentTamperedError:
    return ContentTamperedError(
        f"{path} is not what was written there: it was changed, moved or cut short; take it from a backup"
    )
