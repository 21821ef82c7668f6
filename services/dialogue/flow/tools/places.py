"""What the tools' arguments mean: the flow files and the scripts that a path or a domain's name stands for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.dialogue.domains import time_zones
from services.dialogue.flow.catalogue import domains_folder, flow_files
from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.flow.load import load
from services.dialogue.flow.mistakes import every
from services.dialogue.flow.tools.scripts import read_dialogues

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.schema import Script
    from services.dialogue.flow.tools.scripts import Dialogue

DIALOGUES = "dialogues"


class NothingThereError(LookupError):
    """A path or a name stands for no flow and no script; the text says what to give instead."""


@dataclass(frozen=True)
class FlowFolder:
    """A `<domain>/<language>` folder with a flow."""

    flow: Path
    scripts: tuple[Path, ...]
    """The scripts of its dialogues, by name."""

    @property
    def domain(self) -> str:
        """Name of the domain."""
        return self.flow.parent.parent.name

    @property
    def language(self) -> str:
        """Tag of the language."""
        return self.flow.parent.name

    @property
    def whole(self) -> str | None:
        """The domain's folder; None: the flow stands alone."""
        folder = self.flow.parent.parent
        return str(folder) if (folder / "domain.yaml").is_file() else None

    @property
    def time_zone(self) -> str:
        """IANA name of the zone in which the domain's calls are held."""
        return time_zones(self.flow.parent.parent.parent).get(self.domain, "UTC")

    def policy(self) -> FlowPolicy:
        """A policy with this flow alone.

        Raises:
            FlowFileError: The flow is wrong.

        """
        return FlowPolicy([self.script()])

    def script(self) -> Script:
        """The flow, loaded.

        Raises:
            FlowFileError: It is wrong.

        """
        return load(self.flow)

    def dialogues(self) -> list[Dialogue]:
        """All dialogues of its scripts.

        Raises:
            FlowFileError: Scripts are wrong; it holds every mistake of each.

        """
        read = every(partial(read_dialogues, script, self.domain, self.language) for script in self.scripts)
        return [dialogue for script in read for dialogue in script]


def installed_folder() -> Path:
    """The folder of domains: that of VOICEMESH_DOMAINS_DIR, else the project's own."""
    named = os.environ.get("VOICEMESH_DOMAINS_DIR")
    return domains_folder(Path(named) if named else None)


def flow_folders(names: Iterable[str]) -> list[FlowFolder]:
    """The flows that paths or domains' names stand for, each once; without any, all that are installed.

    A path may be a folder of domains, of a domain or of a language, a flow file, or a script of dialogues: then only
    that script counts.

    Raises:
        NothingThereError: One of them stands for nothing.

    """
    wanted = list(names) or [str(installed_folder())]
    found: dict[Path, FlowFolder] = {}
    for name in wanted:
        for folder in _of(name):
            before = found.get(folder.flow)
            scripts = dict.fromkeys((*(before.scripts if before else ()), *folder.scripts))
            found[folder.flow] = FlowFolder(folder.flow, tuple(scripts))
    return list(found.values())


def one_flow(name: str, language: str = "") -> FlowFolder:
    """The flow of a domain in one language; without a language, English or else its first.

    Raises:
        NothingThereError: There is none.

    """
    folders = _of(name)
    for wanted in (language, "" if language else "en"):
        for folder in folders:
            if wanted and folder.language == wanted:
                return folder
    if language or not folders:
        there = ", ".join(folder.language for folder in folders) or "none"
        raise NothingThereError(f"{name} has no flow in {language!r}; there are: {there}")
    return folders[0]


def _of(name: str) -> list[FlowFolder]:
    path = Path(name)
    if not path.exists() and (installed_folder() / name).is_dir():
        path = installed_folder() / name
    path = path.resolve()
    if path.is_file():
        return [_of_file(path, name)]
    for pattern in ("flow.yaml", "*/flow.yaml"):
        files = sorted(path.glob(pattern))
        if files:
            return [_with_scripts(file) for file in files]
    files = list(flow_files(path))
    if not files:
        known = ", ".join(sorted({file.parent.parent.name for file in flow_files(installed_folder())}))
        raise NothingThereError(f"{name} holds no flow.yaml: name a file, a folder, or a domain ({known})")
    return [_with_scripts(file) for file in files]


def _of_file(path: Path, name: str) -> FlowFolder:
    if path.suffix in {".yaml", ".yml"}:
        return _with_scripts(path)
    flow = path.parent.parent / "flow.yaml"
    if path.parent.name != DIALOGUES or not flow.is_file():
        raise NothingThereError(f"{name} is no flow.yaml and lies in no folder {DIALOGUES!r} beside one")
    return FlowFolder(flow, (path,))


def _with_scripts(flow: Path) -> FlowFolder:
    return FlowFolder(flow, tuple(sorted((flow.parent / DIALOGUES).glob("*.txt"))))
