"""The models on disk: found by id, checked by sum."""

import enum
import fcntl
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mesh.config import ConfigError
from mesh.models.manifest import Manifest, Model, ModelFile, ModelSettings, load_manifest

_LOCK_NAME = "models.lock.json"
_BLOCK = 1 << 20

Progress = Callable[[int], None]
"""Called with the number of bytes that were dealt with since the last time."""


class ModelError(Exception):
    """A model can't be had; the text says what is wrong and what to do."""


class ModelMissingError(ConfigError):
    """A model isn't on disk; the text names the command that fetches it."""


class FileState(enum.StrEnum):
    """What was found of a file. VERIFIED: against the manifest. RECORDED: against what the first pull saw."""

    VERIFIED = "verified"
    RECORDED = "recorded"
    UNKNOWN = "unknown"
    MISSING = "missing"
    WRONG_SIZE = "wrong_size"
    WRONG_SUM = "wrong_sum"

    @property
    def good(self) -> bool:
        """Whether the file is what it should be, as far as that can be told."""
        return self in {FileState.VERIFIED, FileState.RECORDED}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a file when it was pulled: its sum (hex), bytes, source, and ISO time."""

    sha256: str
    size: int
    source: str
    pulled_at: str


class ModelStore:
    """The folder of pulled models.

    Args:
        cache_dir: the folder; VOICEMESH_CACHE_DIR of every service.
        manifest: what there is; None: ours and that of VOICEMESH_MODELS_MANIFEST.

    Raises:
        ConfigError: the user's manifest can't be used.
    """

    def __init__(self, cache_dir: Path, manifest: Manifest | None = None) -> None:
        self.cache_dir = cache_dir
        self.manifest = manifest or load_manifest(ModelSettings().models_manifest)

    def path(self, model_id: str) -> Path:
        """Return what an engine opens: the model's entry file, or its folder. Looks at sizes, not at sums.

        Raises:
            ModelMissingError: nothing has that id, or a file isn't there whole; the text says which and names the
                command to run.
        """
        model = self.manifest.get(model_id)
        if model is None:
            known = ", ".join(model.id for model in self.manifest.model)
            raise ModelMissingError(f"no model is called {model_id!r}; there are {known} (voicemesh models list)")
        lacking = self.lacking(model)
        if lacking:
            raise ModelMissingError(
                f"model {model_id} is not on this machine: {self.file_path(model, lacking[0])} is missing or "
                f"not whole; run: voicemesh models pull {model_id}"
            )
        folder = self.cache_dir / model.folder
        return folder / model.entry if model.entry else folder

    def file_path(self, model: Model, file: ModelFile) -> Path:
        """Return where a file of a model lies, or would."""
        return self.cache_dir / model.folder / file.name

    def lacking(self, model: Model) -> list[ModelFile]:
        """Return the files that aren't there, or not in the size they should have."""
        return [file for file in model.file if not self._whole(model, file)]

    def seen(self, model: Model, file: ModelFile) -> Seen | None:
        """Return what the last pull of a file recorded; None: it wasn't pulled by us.

        Raises:
            ModelError: the record can't be read.
        """
        return self._read_lock().get(f"{model.folder}/{file.name}")

    def record(self, model: Model, file: ModelFile, seen: Seen) -> None:
        """Write down what was seen of a file that was pulled."""
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        with (self.cache_dir / f".{_LOCK_NAME}").open("w") as guard:
            # Two pulls at once must not write over each other's entries.
            fcntl.flock(guard, fcntl.LOCK_EX)
            entries = {**self._read_lock(), f"{model.folder}/{file.name}": seen}
            text = json.dumps({name: asdict(entry) for name, entry in sorted(entries.items())}, indent=2)
            partial = self.cache_dir / f"{_LOCK_NAME}.part"
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self.cache_dir / _LOCK_NAME)

    def verify(self, model: Model, file: ModelFile, progress: Progress = lambda _: None) -> FileState:
        """Compare a file with its sum: the manifest's, or where that has none the one the first pull recorded."""
        path = self.file_path(model, file)
        if not path.is_file():
            return FileState.MISSING
        if file.size and path.stat().st_size != file.size:
            return FileState.WRONG_SIZE
        seen = self.seen(model, file)
        expected = file.sha256 or (seen.sha256 if seen else "")
        if not expected:
            return FileState.UNKNOWN
        if sha256_of(path, progress) != expected:
            return FileState.WRONG_SUM
        return FileState.VERIFIED if file.sha256 else FileState.RECORDED

    def _whole(self, model: Model, file: ModelFile) -> bool:
        path = self.file_path(model, file)
        if not path.is_file():
            return False
        seen = None if file.size else self.seen(model, file)
        expected = file.size or (seen.size if seen else 0)
        return not expected or path.stat().st_size == expected

    def _read_lock(self) -> Mapping[str, Seen]:
        path = self.cache_dir / _LOCK_NAME
        try:
            return {name: Seen(**entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{path} is damaged ({error}); delete it: the next pull trusts what it sees anew"
            ) from error


def sha256_of(path: Path, progress: Progress = lambda _: None) -> str:
    """Return a file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()
