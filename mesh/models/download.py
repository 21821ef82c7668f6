"""Fetching models: streamed, resumed where it stopped, checked, and put in place in one step.

Needs httpx, which only the command line installs.
"""

import contextlib
import errno
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import httpx

from mesh.backoff import backoff_s
from mesh.models.manifest import Model, ModelFile
from mesh.models.store import FileState, ModelError, ModelStore, Seen, sha256_of

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS_WITHOUT_PROGRESS = 4

Progress = Callable[[ModelFile, int], None]
"""Called with how many bytes of a file are there now."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of a file. `state`: how it was checked; `fetched` bytes came over the network this time."""

    file: ModelFile
    path: Path
    state: FileState
    sha256: str
    size: int
    fetched: int


class Puller:
    """Fetches the files of models into a store.

    Args:
        store: where they go.
        mirror: fetch from below this URL in place of the models' own sources; empty: from those.
        progress: told of every block.
        pause: waits so many seconds between tries.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        mirror: str = "",
        progress: Progress = lambda _file, _bytes: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._progress = progress
        self._pause = pause

    def pull(self, model: Model, *, again: bool = False) -> Iterator[Pulled]:
        """Fetch what isn't there or isn't right; yield each file once it is in place.

        Args:
            model: which.
            again: fetch also what is there and right.

        Raises:
            ModelError: a file can't be had, or isn't what it should be; nothing wrong is left in place, and what
                was fetched of it is kept for the next try where it can be used.
        """
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
            for file in model.file:
                kept = None if again else self._keep(model, file)
                yield kept or self._fetch(client, model, file)

    def _keep(self, model: Model, file: ModelFile) -> Pulled | None:
        path = self._store.file_path(model, file)
        state = self._store.verify(model, file)
        if state is FileState.UNKNOWN:
            # Put there by hand, or by a pull that ended before it wrote down what it saw.
            self._remember(model, file, path, sha256_of(path))
            state = FileState.RECORDED
        if not state.good:
            return None
        size = path.stat().st_size
        self._progress(file, size)
        seen = self._store.seen(model, file)
        return Pulled(file, path, state, file.sha256 or (seen.sha256 if seen else ""), size, 0)

    def _fetch(self, client: httpx.Client, model: Model, file: ModelFile) -> Pulled:
        url, path = model.url(file, self._mirror), self._store.file_path(model, file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _partial(path) as part:
                self._check_room(file, part)
                fetched = self._fill(client, url, file, part)
                digest = self._check(url, model, file, part)
                part.path.replace(path)
                part.forget()
        except OSError as error:
            raise _disk_error(error, path) from error
        self._remember(model, file, path, digest)
        state = FileState.VERIFIED if file.sha256 else FileState.RECORDED
        return Pulled(file, path, state, digest, path.stat().st_size, fetched)

    def _fill(self, client: httpx.Client, url: str, file: ModelFile, part: "_Partial") -> int:
        """Fetch until the file is whole, over as many connections as it takes; return the bytes that came."""
        fetched, failures = 0, 0
        while True:
            before = part.size
            try:
                for block in _blocks(client, url, part):
                    part.stream.write(block)
                    fetched += len(block)
                    self._progress(file, part.size)
                part.flush()
            except httpx.TransportError as error:
                part.flush()
                failures = 0 if part.size > before else failures + 1
                if failures >= _ATTEMPTS_WITHOUT_PROGRESS:
                    raise _unreachable(url, error, part) from error
                self._pause(backoff_s(failures + 1, first_s=0.5, limit_s=8.0))
            else:
                return fetched

    def _check(self, url: str, model: Model, file: ModelFile, part: "_Partial") -> str:
        if file.size and part.size != file.size:
            size = part.size
            part.forget()
            raise ModelError(
                f"{url} has {size} bytes, the manifest says {file.size}: the source serves another file (an error "
                "page, or a newer version); nothing was kept. Try later, or another source (VOICEMESH_MODELS_URL)"
            )
        digest = sha256_of(part.path)
        seen = None if file.sha256 else self._store.seen(model, file)
        expected = file.sha256 or (seen.sha256 if seen else digest)
        if digest != expected:
            part.forget()
            where = "the manifest" if file.sha256 else "the first pull"
            raise ModelError(
                f"{url} is not the file it should be: sha256 is {digest}, {where} says {expected}; nothing was kept. "
                "Pull again; if it stays so, do not use this source"
            )
        return digest

    def _check_room(self, file: ModelFile, part: "_Partial") -> None:
        free = shutil.disk_usage(part.path.parent).free
        if file.size - part.size > free:
            raise OSError(errno.ENOSPC, f"{file.size - part.size} bytes are needed, {free} are free")

    def _remember(self, model: Model, file: ModelFile, path: Path, digest: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        seen = Seen(digest, path.stat().st_size, model.url(file, self._mirror), now)
        self._store.record(model, file, seen)


class _Partial:
    """A file in the making: FILE.part, and FILE.part.json with what tells whether it may be resumed."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self.stream = stream
        self._note = path.with_name(path.name + ".json")

    @property
    def size(self) -> int:
        return self.stream.tell()

    def validator(self, url: str) -> str:
        """The entity tag under which the bytes here were fetched from that URL; empty: they can't be used."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["etag"]) if note["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, url: str, etag: str) -> None:
        """Start from nothing."""
        self.stream.seek(0)
        self.stream.truncate()
        self._note.write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")

    def flush(self) -> None:
        self.stream.flush()

    def forget(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


@contextlib.contextmanager
def _partial(path: Path) -> Iterator[_Partial]:
    part = path.with_name(path.name + ".part")
    with part.open("ab+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"another process is fetching {path}; wait for it") from error
        stream.seek(0, 2)
        partial = _Partial(part, stream)
        try:
            yield partial
        finally:
            if not partial.size:
                partial.forget()


def _blocks(client: httpx.Client, url: str, part: _Partial) -> Iterator[bytes]:
    """The bytes that are still lacking, as they come. Raises httpx.TransportError when the connection fails."""
    etag = part.validator(url) if part.size else ""
    headers = {"Accept-Encoding": "identity"}
    if etag:
        # Should the file have changed meanwhile, If-Range has the server send it whole.
        headers |= {"Range": f"bytes={part.size}-", "If-Range": etag}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # All of it is here already, or more than all: the check that follows tells.
            return
        if response.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
            raise _refused(url, response)
        if response.status_code == httpx.codes.OK:
            part.begin(url, _strong(response.headers.get("etag", "")))
        elif not response.headers.get("content-range", "").startswith(f"bytes {part.size}-"):
            part.begin(url, "")
            raise httpx.RemoteProtocolError("the server sent another part of the file than it was asked for")
        # In blocks as they come: a larger block would be lost half full when the connection breaks.
        yield from response.iter_raw()


def _strong(etag: str) -> str:
    """Only a strong entity tag promises the same bytes (RFC 9110, 13.1.5)."""
    return "" if etag.startswith("W/") else etag


def _refused(url: str, response: httpx.Response) -> ModelError:
    code = response.status_code
    match code:
        case 404 | 410:
            advice = "there is no such file: the source moved it, or the mirror lacks it; see voicemesh models list"
        case 401 | 403:
            advice = "the source wants a login or a licence to be accepted: fetch the file by hand, or use a mirror"
        case 429:
            advice = "the source has had too many requests: wait some minutes and pull again"
        case _:
            advice = "pull again later, or from a mirror (VOICEMESH_MODELS_URL)"
    return ModelError(f"{url} answered {code} {response.reason_phrase}: {advice}")


def _unreachable(url: str, error: httpx.TransportError, part: _Partial) -> ModelError:
    kept = f"; {part.size} bytes are kept, and the same command goes on from there" if part.size else ""
    return ModelError(
        f"{url} cannot be reached ({str(error) or type(error).__name__}){kept}. Is this machine offline? Name a "
        f"mirror with VOICEMESH_MODELS_URL, or copy the file to {part.path.with_suffix('')} by hand"
    )


def _disk_error(error: OSError, path: Path) -> ModelError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ModelError(
            f"the disk of {path.parent} is full ({error.strerror}): free some space, or choose another folder with "
            "VOICEMESH_CACHE_DIR; the same command goes on from there"
        )
    return ModelError(f"{path} cannot be written: {error.strerror}; choose another folder with VOICEMESH_CACHE_DIR")
