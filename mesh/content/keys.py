"""The keys that content is encrypted with: a file of several, of which the last encrypts and all decrypt.

The file is JSON: ``{"keys": [{"id": "k1", "secret": "BASE64 OF 32 BYTES", "created_at": "2026-01-31T09:00:00Z"}]}``.
"""

import base64
import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer, field_validator

from mesh import logs
from mesh.content.errors import ContentKeyError, KeysError

VARIABLE = "VOICEMESH_CONTENT_KEYS"
KEY_BYTES = 32
_OTHERS = stat.S_IRWXO
_log = logs.get_logger(__name__)
_unusable = Gauge(
    "voicemesh_content_keys_unusable",
    "1 while the file of keys cannot be used and the process goes on with the keys it read last.",
)


class Key(BaseModel):
    """One key of AES-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    secret: SecretStr
    """Base64."""
    created_at: datetime

    @field_validator("secret")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        if len(base64.b64decode(value.get_secret_value(), validate=True)) != KEY_BYTES:
            raise ValueError(f"a secret is the base64 of {KEY_BYTES} bytes")
        return value

    @field_serializer("secret")
    def _shown(self, value: SecretStr) -> str:
        """Written into the file of keys, and nowhere else."""
        return value.get_secret_value()

    @property
    def octets(self) -> bytes:
        """The key itself, `KEY_BYTES` long."""
        return base64.b64decode(self.secret.get_secret_value())


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[Key, ...], Field(min_length=1)]

    @field_validator("keys")
    @classmethod
    def _each_once(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.id for key in keys}) != len(keys):
            raise ValueError("two keys have one id")
        return keys


def new_key() -> Key:
    """Make a key; its id begins with the day."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Key(
        id=f"{now:%Y%m%d}-{secrets.token_hex(4)}",
        secret=SecretStr(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()),
        created_at=now,
    )


class Keys:
    """The keys of one file. The file is read again when it has changed, so that all processes see a new key.

    Once keys were read, a file that cannot be used any more stops nobody: the keys read last go on being used, and it
    is logged and shown by the gauge. To make these keys, and to change the file, it must be usable.

    Args:
        path: the file, or None when `document` holds the keys.
        document: the file's content where a secret manager hands it over itself.

    Raises:
        KeysError: there is no such file, others may read it, or it is none.
    """

    def __init__(self, path: Path | None, document: str = "") -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._complaint = ""
        self._keys = _parse(document, VARIABLE) if path is None else ()
        self._read()

    @property
    def newest(self) -> Key:
        """The key that encrypts."""
        self._refresh()
        return self._keys[-1]

    @property
    def ids(self) -> tuple[str, ...]:
        """All keys' ids, the newest last."""
        self._refresh()
        return tuple(key.id for key in self._keys)

    def of(self, key_id: str) -> Key:
        """Return the key of an id.

        Raises:
            ContentKeyError: there is none.
        """
        self._refresh()
        for key in self._keys:
            if key.id == key_id:
                return key
        raise ContentKeyError(
            f"the content is encrypted with the key {key_id!r}, which {self._where} does not hold "
            f"(it has {', '.join(self.ids)}): put that key back"
        )

    def add_new(self) -> Key:
        """Write a new key into the file; from now on it encrypts.

        Raises:
            KeysError: the keys come from no file, or it cannot be written.
        """
        if self.path is None:
            raise KeysError(f"{VARIABLE} holds the keys themselves: add the new key where it comes from")
        key = new_key()
        with _alone(self.path):
            self._read()
            _write(self.path, (*self._keys, key))
            self._read()
        return key

    def forget(self, key_ids: set[str]) -> None:
        """Take keys out of the file: what they encrypted can be read no more. The newest stays, whatever is asked.

        Raises:
            KeysError: the file cannot be read or written.
        """
        if self.path is None:
            return
        with _alone(self.path):
            self._read()
            kept = [key for key in self._keys if key.id not in key_ids or key is self._keys[-1]]
            if len(kept) != len(self._keys):
                _write(self.path, kept)
                self._read()

    @property
    def _where(self) -> str:
        return VARIABLE if self.path is None else str(self.path)

    def _refresh(self) -> None:
        """Read the file if it has changed; what cannot be used is complained of once, and the last keys stay."""
        try:
            self._read()
        except KeysError as error:
            _unusable.set(1)
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error("content.keys_unusable", error=self._complaint, using=[key.id for key in self._keys])
            return
        if self._complaint:
            self._complaint = ""
            _unusable.set(0)
            _log.info("content.keys_usable")

    def _read(self) -> None:
        """Read the file if it has changed. Raises KeysError."""
        if self.path is None:
            return
        try:
            found = self.path.stat()
            if stat.S_IMODE(found.st_mode) & _OTHERS:
                raise KeysError(f"{self.path}: everybody may use this file of keys; run: chmod 600 {self.path}")
            if (found.st_mtime_ns, found.st_ino) == self._seen:
                return
            self._keys = _parse(self.path.read_text(encoding="utf-8"), str(self.path))
        except FileNotFoundError as error:
            raise KeysError(
                f"{VARIABLE}: there is no file of keys at {self.path}; bring it back, for without it nothing "
                "that was stored can be read"
            ) from error
        except OSError as error:
            raise KeysError(f"{VARIABLE}: {self.path} cannot be read ({error.strerror})") from error
        except UnicodeDecodeError:
            raise KeysError(f"{self.path} is no document of keys (it is not UTF-8)") from None
        self._seen = (found.st_mtime_ns, found.st_ino)


def open_keys(source: str, default: Path) -> Keys:
    """Open the keys that `source` names: a path, or the document itself; empty: the file `default`.

    The file `default` is made where it is missing, readable by its owner alone; any other must be there.

    Raises:
        KeysError: they cannot be used.
    """
    if source.lstrip().startswith("{"):
        return Keys(None, source)
    if source:
        return Keys(Path(source))
    if not default.exists():
        try:
            default.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KeysError(f"{default.parent} cannot be made ({error.strerror}): set {VARIABLE}") from error
        # Of two processes that begin at once one makes the keys, and both have them.
        with contextlib.suppress(FileExistsError):
            _write(default, (new_key(),), only_new=True)
    return Keys(default)


def _parse(document: str, where: str) -> tuple[Key, ...]:
    try:
        return _Document.model_validate_json(document).keys
    except ValidationError as error:
        # Not the values: they are secret.
        places = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors())
        raise KeysError(f"{where} is no document of keys ({places})") from None


def _write(path: Path, keys: tuple[Key, ...] | list[Key], *, only_new: bool = False) -> None:
    """Write a file of keys as a whole or not at all."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(_Document(keys=tuple(keys)).model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if only_new:
            path.hardlink_to(partial)
        else:
            partial.replace(path)
    except FileExistsError:
        raise
    except OSError as error:
        raise KeysError(f"{path} cannot be written ({error.strerror}): make its folder writable") from error
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let no other process change a file of keys meanwhile: of two that add a key both are kept."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        file = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise KeysError(f"{path} cannot be written ({error.strerror}): make its folder writable") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
