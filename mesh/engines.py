"""Engines are found by Python entry points, so that a third party's plugs in without touching this tree."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mesh.config import ConfigError

GROUPS = ("voicemesh.asr.engines", "voicemesh.nlu.engines", "voicemesh.tts.engines")


def installed(group: str) -> dict[str, EntryPoint]:
    """Return a group's engines by name."""
    return {point.name: point for point in entry_points(group=group)}


def load_engine(group: str, name: str) -> Callable[..., Any]:
    """Return the engine's factory: what its entry point names.

    Raises:
        ConfigError: when there is no such engine, or its packages are not installed.
    """
    engines = installed(group)
    if name not in engines:
        known = ", ".join(sorted(engines)) or "none"
        raise ConfigError(f"no engine {name!r} in {group}; installed: {known}")
    try:
        factory: Callable[..., Any] = engines[name].load()
    except ImportError as error:
        raise ConfigError(
            f"engine {name!r} in {group} needs a package that is not installed ({error}); install its extra"
        ) from error
    return factory
