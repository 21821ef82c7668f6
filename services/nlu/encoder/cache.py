"""The prepared encoder on disk: built once, checked before use, safe when several processes build it."""

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mesh.config import ConfigError
from services.nlu.encoder import source
from services.nlu.encoder.convert import convert

MANIFEST = "manifest.json"
FORMAT = 1
"""Raised when the conversion changes, so that older caches are left alone."""

Progress = Callable[[str], None]


def prepared_folder(cache_dir: Path) -> Path:
    """Return where the prepared encoder of this format lives."""
    return cache_dir / "nlu" / f"minilm-l6-v2-int8-{FORMAT}"


def prepare(cache_dir: Path, progress: Progress = lambda _: None) -> Path:
    """Return the folder of the prepared encoder, building it when it is missing or broken.

    The folder holds `model.bin`, `config.json`, `vocabulary.json`, `tokenizer.json` and a manifest with the
    sha256 of each. It is built in a folder of its own and renamed into place; of several processes one
    builds, the others wait for it.

    Raises:
        ConfigError: when the weights' package is missing or its weights are not the published ones, or when
            `cache_dir` cannot be written.
    """
    target = prepared_folder(cache_dir)
    if is_whole(target):
        progress(f"sentence encoder: ready in {target}")
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if not is_whole(target):  # another process may have built it while this one waited
                _build(target, progress)
    except OSError as error:
        raise ConfigError(
            f"VOICEMESH_CACHE_DIR={str(cache_dir)!r}: the sentence encoder cannot be kept there ({error}); "
            "name a folder that this user may write"
        ) from error
    progress(f"sentence encoder: ready in {target}")
    return target


def _build(target: Path, progress: Progress) -> None:
    folder = source.installed_folder()
    progress("sentence encoder: checking the published weights")
    source.check_weights(folder)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        progress("sentence encoder: converting to CTranslate2 int8")
        whole, broken = work / "whole", work / "broken"
        whole.mkdir()
        convert(folder, whole)
        shutil.copyfile(folder / source.TOKENIZER, whole / source.TOKENIZER)
        _write_manifest(whole)
        if target.exists():
            target.rename(broken)
        whole.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process builds, others wait. The system frees it when a process dies."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_whole(folder: Path) -> bool:
    """Say whether every file is there and as it was when it was built (reads them all: about 25 MB)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        digests: dict[str, str] = manifest["files"]
        return manifest["source_sha256"] == source.WEIGHTS_SHA256 and all(
            source.file_sha256(folder / name) == digest for name, digest in digests.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write_manifest(folder: Path) -> None:
    files = {path.name: source.file_sha256(path) for path in sorted(folder.iterdir())}
    manifest = {"source_sha256": source.WEIGHTS_SHA256, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
