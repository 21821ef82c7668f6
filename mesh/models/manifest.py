"""The manifest: every model that can be pulled, with its source, sizes, sums and licence. `manifest.toml` is ours."""

import tomllib
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mesh.config import ENV_PREFIX, ConfigError, default_cache_dir

_VARIABLE = "VOICEMESH_MODELS_MANIFEST"


class ModelSettings(BaseSettings):
    """Where models come from and lie; read from VOICEMESH_MODELS_URL, _MODELS_MANIFEST and _CACHE_DIR."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    models_url: str = Field("", description="mirror: FOLDER/FILE of every model is fetched from below this URL")
    models_manifest: Path | None = Field(None, description="TOML file with more models; same id: replaces ours")
    cache_dir: Path = Field(default_factory=default_cache_dir, description="folder of pulled models")


def _below(path: str) -> str:
    """Refuse what would lie outside the folder it is meant for."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError("must be a relative path without ..")
    return path


_RelativePath = Annotated[str, AfterValidator(_below)]


class ModelFile(BaseModel):
    """One file of a model. `size` in bytes, 0 when not known; `sha256` in hex, empty when not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _RelativePath
    size: int = Field(0, ge=0)
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")


class Model(BaseModel):
    """A model: its files lie in `folder` below the cache folder.

    `entry` is the file an engine opens; empty: it opens the folder. `source` is the URL that file names are
    appended to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _RelativePath
    title: str
    licence: str
    source: HttpUrl
    folder: _RelativePath
    entry: str = ""
    file: tuple[ModelFile, ...] = Field(min_length=1)

    @field_validator("source")
    @classmethod
    def _ends_in_slash(cls, source: HttpUrl) -> HttpUrl:
        if not str(source).endswith("/"):
            raise ValueError("must end in / : file names are appended to it")
        return source

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size for file in self.file)

    @property
    def pinned(self) -> bool:
        """Whether the sums of all files are known beforehand."""
        return all(file.sha256 for file in self.file)

    def url(self, file: ModelFile, mirror: str = "") -> str:
        """Where a file comes from. A mirror is laid out as the cache folder is: any web server on one will do."""
        return f"{mirror.rstrip('/')}/{self.folder}/{file.name}" if mirror else f"{self.source}{file.name}"


class Manifest(BaseModel):
    """All models, by their order in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[Model, ...] = ()

    def get(self, model_id: str) -> Model | None:
        """Find a model by its id."""
        return next((model for model in self.model if model.id == model_id), None)

    def extended(self, other: "Manifest") -> "Manifest":
        """Return this manifest with another's models; of two with the same id the other's counts."""
        replaced = {model.id for model in other.model}
        return Manifest(model=(*(model for model in self.model if model.id not in replaced), *other.model))


def load_manifest(more: Path | None = None) -> Manifest:
    """Read our manifest, and a file with more models if one is given.

    Raises:
        ConfigError: the given file can't be read or is no manifest; the text names it and what is wrong in it.
    """
    ours = resources.files("mesh.models").joinpath("manifest.toml").read_text(encoding="utf-8")
    manifest = Manifest.model_validate(tomllib.loads(ours))
    if more is None:
        return manifest
    try:
        return manifest.extended(Manifest.model_validate(tomllib.loads(more.read_text(encoding="utf-8"))))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_VARIABLE}={more}: cannot be read as TOML: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors(include_url=False)]
        raise ConfigError(f"{_VARIABLE}={more}: is no manifest of models:\n" + "\n".join(lines)) from None
