"""Picks up changed flow files while the service runs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh import logs
from services.dialogue.flow.catalogue import domains_folder, flow_files
from services.dialogue.flow.load import load
from services.dialogue.flow.mistakes import FlowFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from services.dialogue.flow.engine import FlowPolicy
    from services.dialogue.flow.schema import Script

_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Replaced:
    domain: str
    language: str
    version: str
    until: float
    """When no call can have it any more, on the reloader's clock."""


@dataclass
class FlowReload:
    """Looks at the flow files again and again; a new or changed one is for new calls.

    A file that is wrong is refused with its error in the log, and the version before it stays. One that is deleted
    stays, too: calls may still want it. A replaced version is kept for as long as a call may last.

    Args:
        policy: whose flows are replaced.
        every_s: seconds between two looks.
        longest_call_s: seconds after which no call follows a replaced version any more.
        folder: the folder of domains; None: the bundled ones.
        clock: seconds that only go forward.
    """

    policy: FlowPolicy
    every_s: float
    longest_call_s: float
    folder: Path | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict, init=False)
    _replaced: list[_Replaced] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """What is there now is loaded already."""
        self._seen = self._stamps()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self.every_s)
            for script in await asyncio.to_thread(self.changes):
                self.take(script)
            self.forget()

    def changes(self) -> list[Script]:
        """Read the files that are new or changed since the last look. Blocks."""
        now = self._stamps()
        changed = [path for path, stamp in now.items() if self._seen.get(path) != stamp]
        self._seen = now
        return [script for path in changed if (script := _read(path)) is not None]

    def take(self, script: Script) -> None:
        """Let new calls follow a script."""
        before = self.policy.present(script.domain, script.language)
        if before == script.version:
            return
        self.policy.replace(script)
        if before is not None:
            until = self.clock() + self.longest_call_s
            self._replaced.append(_Replaced(script.domain, script.language, before, until))
        _log.info("flow.loaded", domain=script.domain, language=script.language, version=script.version)

    def forget(self) -> None:
        """Drop replaced versions that no call can have any more."""
        for old in [old for old in self._replaced if old.until <= self.clock()]:
            self._replaced.remove(old)
            if not any(
                (kept.domain, kept.language, kept.version) == (old.domain, old.language, old.version)
                for kept in self._replaced
            ):  # it was present again in between, and replaced again
                self.policy.forget(old.domain, old.language, old.version)

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        found: dict[Path, tuple[int, int]] = {}
        for path in flow_files(domains_folder(self.folder)):
            try:
                status = path.stat()
            except OSError:  # gone since it was listed
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found


def _read(path: Path) -> Script | None:
    try:
        return load(path)
    except (FlowFileError, OSError, UnicodeDecodeError) as error:
        _log.error("flow.refused", file=str(path), error=str(error))
        return None
