"""Speech on disk: one file a sentence, named by a hash of its key, checked when it is read.

A file holds 32 bytes of SHA-256 over its name and all that follows; then one line of JSON (`chunks`: for each its
number of samples and its words with their seconds); then the samples, little-endian float32.
"""

import contextlib
import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from mesh import logs
from services.tts.cache.memory import Speech, SpeechKey, fields_of
from services.tts.model import SpeechChunk, WordTime

_log = logs.get_logger(__name__)
# Counts up when the file's form changes, or when the same sentence is read in other words (`normalise.py`).
_FORMAT = 1
_DIGEST_BYTES = 32


class DiskCache:
    """A folder of spoken sentences, at most `limit_bytes` of them.

    When it is full, files go that this process did not use, those first that nobody used for longest; when there
    are none left, nothing more is written. Several processes may share a folder. Every method blocks: call it on
    a worker thread, one at a time.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._used: set[str] = set()

    def load(self, key: SpeechKey) -> Speech | None:
        """Return a sentence's speech; None when it is not there. A damaged file is thrown away.

        Raises:
            OSError: when the folder cannot be read.
        """
        name = _name(key)
        path = self._folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            speech = _decode(name, content)
        except ValueError as error:
            _log.warning("tts.cache_file_damaged", file=name, error=str(error))
            path.unlink(missing_ok=True)
            return None
        self._used.add(name)
        with contextlib.suppress(FileNotFoundError):  # another process may have made room meanwhile
            os.utime(path)
        return speech

    def store(self, key: SpeechKey, speech: Speech) -> bool:
        """Write a sentence's speech, whole or not at all; return False where there is no room for it.

        Raises:
            OSError: when the folder cannot be written.
        """
        name = _name(key)
        content = _encode(name, speech)
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._make_room(name, len(content)):
            return False
        partial = self._folder / f"{name}.{uuid.uuid4().hex}.part"
        try:
            partial.write_bytes(content)
            partial.replace(self._folder / name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        self._used.add(name)
        return True

    def _make_room(self, name: str, size: int) -> bool:
        """Delete what may go until a file of that size fits; it replaces one of its own name."""
        files = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime_ns, status.st_size, path))
        total = size + sum(length for _, length, path in files if path.name != name)
        for _, length, path in sorted(files):
            if total <= self._limit:
                break
            if path.name not in self._used | {name}:
                path.unlink(missing_ok=True)
                total -= length
        return total <= self._limit


def _name(key: SpeechKey) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, *fields_of(key)]).encode()).hexdigest()


def _digest(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + payload).digest()


def _encode(name: str, speech: Speech) -> bytes:
    chunks = [
        {
            "samples": chunk.samples.size,
            "words": [[word.text, float(word.start_s), float(word.end_s)] for word in chunk.words],
        }
        for chunk in speech
    ]
    samples = np.concatenate([chunk.samples for chunk in speech]).astype("<f4")
    payload = json.dumps({"chunks": chunks}).encode() + b"\n" + samples.tobytes()
    return _digest(name, payload) + payload


def _decode(name: str, content: bytes) -> Speech:
    """Return what a file holds.

    Raises:
        ValueError: when it is not what was written under that name.
    """
    payload = content[_DIGEST_BYTES:]
    if content[:_DIGEST_BYTES] != _digest(name, payload):
        raise ValueError("its checksum is wrong")
    header, _, body = payload.partition(b"\n")
    chunks: list[dict[str, Any]] = json.loads(header)["chunks"]
    samples = np.frombuffer(body, "<f4").astype(np.float32, copy=False)
    bounds = np.cumsum([chunk["samples"] for chunk in chunks])
    return tuple(
        SpeechChunk(part, tuple(WordTime(*word) for word in chunk["words"]), cached=True)
        for part, chunk in zip(np.split(samples, bounds[:-1]), chunks, strict=True)
    )
