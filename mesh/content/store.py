"""The content store: what was said, encrypted, in a folder or an S3-compatible store.

An object lies at ``TENANT/PATH``. Objects are written once and deleted as a whole; writing the same again does no harm.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from mesh.config import ConfigError
from mesh.content.errors import (
    ContentAwayError,
    ContentError,
    ContentKeyError,
    ContentMissingError,
    ContentTamperedError,
)
from mesh.content.keys import Keys
from mesh.content.references import Reference, checked_path, checked_tenant, path_of, uri_of
from mesh.content.sealing import LONGEST_HEADER, key_id_of, seal, unseal

if TYPE_CHECKING:
    from obstore import UpdateVersion

_WITHIN_S = 30.0
_TURN_S = 0.005
_LOCK = ".lock"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that lies in the store."""

    tenant_id: str
    path: str
    size: int
    """Bytes, encrypted."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of the objects of one run of `rewrap`."""

    rewritten: int
    already: int
    """Had the newest key."""
    unreadable: int
    """Left as they are: tampered with, or of a key that is not there."""
    keys_in_use: frozenset[str]
    """Keys that objects are encrypted with now."""


class ContentStore:
    """Tenants' content. Every method names the tenant: one tenant's paths mean nothing in another.

    All methods raise `ContentAwayError` when the store does not answer, `ContentUriError` for what is no path.

    Args:
        store: where objects lie.
        keys: what they are encrypted with.
        within_s: an answer that takes longer does not come.
        lock: a file by which deleting and encrypting anew take turns, for a folder: it can not be told to write an
            object only if it is still there, and what was deleted meanwhile would come back. None: the store can.
    """

    def __init__(self, store: ObjectStore, keys: Keys, within_s: float = _WITHIN_S, lock: Path | None = None) -> None:
        self._store = store
        self.keys = keys
        self._within_s = within_s
        self._lock = lock

    def reference(self, path: str, data: bytes, media_type: str) -> Reference:
        """Return what will refer to this content at this path; nothing is written."""
        return Reference(uri_of(path), hashlib.sha256(data).hexdigest(), media_type, len(data))

    async def put(self, tenant_id: str, path: str, data: bytes, media_type: str) -> Reference:
        """Write content; return its reference."""
        reference = self.reference(path, data, media_type)
        sealed = seal(data, self.keys.newest, checked_tenant(tenant_id), path)
        await self._answered(obstore.put_async(self._store, f"{tenant_id}/{path}", sealed), path)
        return reference

    async def get(self, tenant_id: str, uri: str, sha256: str = "") -> bytes:
        """Read content; with `sha256` it must be just that.

        Raises:
            ContentMissingError: nothing lies there.
            ContentTamperedError: it is not what was written, or not what the reference was given for.
            ContentKeyError: its key is not there.
        """
        path = path_of(uri)
        data = unseal(await self._read(checked_tenant(tenant_id), path), self.keys, tenant_id, path)
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise ContentTamperedError(f"{path} is not what its reference was given for: its hash is another")
        return data

    async def delete(self, tenant_id: str, uri: str) -> None:
        """Delete content, if it is there."""
        path = path_of(uri)
        # Some stores say that nothing was there, others do not.
        with contextlib.suppress(ContentMissingError):
            async with self._turn(fcntl.LOCK_SH):
                await self._answered(obstore.delete_async(self._store, f"{checked_tenant(tenant_id)}/{path}"), path)

    async def delete_under(self, tenant_id: str, folder: str) -> int:
        """Delete all that lies below a folder of paths; say how much that was. Again does no harm."""
        count = 0
        async for found in self.stored(tenant_id, folder):
            await self.delete(tenant_id, uri_of(found.path))
            count += 1
        return count

    async def stored(self, tenant_id: str, folder: str = "") -> AsyncIterator[Stored]:
        """Yield what lies below a folder of a tenant's paths; empty: all of it."""
        prefix = checked_tenant(tenant_id) + (f"/{checked_path(folder)}" if folder else "")
        try:
            async for batch in obstore.list(self._store, prefix):
                for meta in batch:
                    yield Stored(tenant_id, meta["path"].removeprefix(f"{tenant_id}/"), meta["size"])
        except (BaseError, OSError) as error:
            raise _away(error) from error

    async def folders(self, tenant_id: str = "", folder: str = "") -> list[str]:
        """Return the names of the folders right below one; without a tenant: the tenants."""
        prefix = "/".join(part for part in (tenant_id, folder) if part)
        listing = await self._answered(obstore.list_with_delimiter_async(self._store, prefix or None), prefix)
        return sorted(found.rpartition("/")[2] for found in listing["common_prefixes"])

    async def rewrap(self) -> Rewrapped:
        """Encrypt with the newest key what older keys encrypted, one object after the other.

        Ended in the middle, it goes on where it is called again: objects of the newest key are passed over. An object
        that is deleted meanwhile stays deleted.
        """
        newest = self.keys.newest.id
        counts = {"rewritten": 0, "already": 0, "unreadable": 0}
        in_use: set[str] = set()
        for tenant_id in await self.folders():
            async for found in self.stored(tenant_id):
                key_id = ""
                try:
                    key_id = await self._key_id(found)
                    result = "already" if key_id == newest else await self._rewrite(found)
                except ContentMissingError:
                    continue
                except (ContentKeyError, ContentTamperedError):
                    result = "unreadable"
                counts[result] += 1
                in_use.add(newest if result != "unreadable" else key_id)
        return Rewrapped(**counts, keys_in_use=frozenset(in_use - {""}))

    async def _key_id(self, found: Stored) -> str:
        if not found.size:
            # Of nothing no range can be read.
            raise ContentTamperedError(f"{found.path} is empty")
        end = min(LONGEST_HEADER, found.size)
        begin = await self._answered(
            obstore.get_range_async(self._store, f"{found.tenant_id}/{found.path}", start=0, end=end), found.path
        )
        return key_id_of(bytes(begin), found.path)

    async def _rewrite(self, found: Stored) -> str:
        async with self._turn(fcntl.LOCK_EX):
            return await self._rewritten(found)

    @contextlib.asynccontextmanager
    async def _turn(self, kind: int) -> AsyncIterator[None]:
        """Wait for one's turn at a folder: a few milliseconds, for each object has its own."""
        if self._lock is None:
            yield
            return
        try:
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _away(error) from error
        try:
            async with asyncio.timeout(self._within_s):
                while True:
                    if _locked(file, kind):
                        break
                    await asyncio.sleep(_TURN_S)
            yield
        except TimeoutError as error:
            raise _away(error) from error
        finally:
            os.close(file)

    async def _rewritten(self, found: Stored) -> str:
        where = f"{found.tenant_id}/{found.path}"
        result = await self._answered(obstore.get_async(self._store, where), found.path)
        sealed = await self._answered(_body(result), found.path)
        data = unseal(sealed, self.keys, found.tenant_id, found.path)
        sealed = seal(data, self.keys.newest, found.tenant_id, found.path)
        try:
            try:
                same: UpdateVersion = {"e_tag": result.meta["e_tag"]}
                if result.meta["version"] is not None:
                    same["version"] = result.meta["version"]
                await self._answered(obstore.put_async(self._store, where, sealed, mode=same), found.path)
            except NotImplementedError:
                await self._answered(obstore.put_async(self._store, where, sealed), found.path)
        except PreconditionError:
            raise ContentMissingError(f"{found.path} was deleted meanwhile") from None
        return "rewritten"

    async def _read(self, tenant_id: str, path: str) -> bytes:
        result = await self._answered(obstore.get_async(self._store, f"{tenant_id}/{path}"), path)
        return await self._answered(_body(result), path)

    async def _answered(self, answer: Awaitable[T], path: str) -> T:
        try:
            async with asyncio.timeout(self._within_s):
                return await answer
        except FileNotFoundError:
            raise ContentMissingError(
                f"nothing lies at {path}: it was erased, its time ran out, or VOICEMESH_CONTENT_URL names another store"
            ) from None
        except PreconditionError:
            raise
        except (BaseError, OSError, TimeoutError) as error:
            raise _away(error) from error


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _body(result: "obstore.GetResult") -> bytes:
    return bytes(await result.bytes_async())


def _away(error: Exception) -> ContentAwayError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ContentAwayError(f"the content store of VOICEMESH_CONTENT_URL does not answer ({first}); try again")


def open_store(url: str, keys: Keys, default: Path) -> ContentStore:
    """Open the store of a URL: ``s3://BUCKET/PREFIX`` and what else obstore knows, ``file:///FOLDER``, ``memory:///``.

    Empty: the folder `default`. Credentials, endpoint and region are obstore's own environment variables, for S3
    ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT``, ``AWS_REGION``, ``AWS_ALLOW_HTTP``.

    Raises:
        ConfigError: the URL cannot be used.
    """
    try:
        if not url or url.startswith("file://"):
            folder = default if not url else Path(url.removeprefix("file://"))
            store = LocalStore(folder.absolute(), mkdir=True, automatic_cleanup=True)
            return ContentStore(store, keys, lock=folder.absolute() / _LOCK)
        return ContentStore(MemoryStore() if url.startswith("memory:") else from_url(url), keys)
    except (BaseError, OSError, ValueError, ContentError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"VOICEMESH_CONTENT_URL={url!r} cannot be used ({first}): use file:///FOLDER or s3://BUCKET/PREFIX"
        ) from error
