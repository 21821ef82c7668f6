"""The flow files that are installed with the domains."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

from mesh.config import ConfigError
from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.flow.load import load
from services.dialogue.flow.mistakes import every


def flow_files(folder: Path) -> tuple[Path, ...]:
    """The flow files of a folder of domains, `<domain>/<language>/flow.yaml`, by name."""
    return tuple(sorted(folder.glob("*/*/flow.yaml")))


def domains_folder(folder: Path | None = None) -> Path:
    """The folder of domains; by default that of `voicemesh_domains`."""
    return folder if folder is not None else Path(str(resources.files("voicemesh_domains")))


def installed_policy(folder: Path | None = None) -> FlowPolicy:
    """A policy with the flows of all domains in a folder; by default those of `voicemesh_domains`.

    Raises:
        ConfigError: The folder holds no flow file.
        FlowFileError: Some are wrong; it holds every mistake of each.

    """
    folder = domains_folder(folder)
    files = flow_files(folder)
    if not files:
        raise ConfigError(f"{folder} holds no <domain>/<language>/flow.yaml; add one (docs/flows.md)")
    return FlowPolicy(every(partial(load, file) for file in files))
