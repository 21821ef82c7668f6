"""Shows a person that a mesh is starting."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from voicemesh_cli.launcher.options import Progress

_MARKS = {"starting": "[dim]…[/]", "ready": "[green]✓[/]", "stopping": "[dim]-[/]"}


@contextlib.contextmanager
def starting(console: Console, title: str = "starting the mesh") -> Iterator[Progress]:
    """Show what starts and what is ready: a line that changes on a terminal, a line a process elsewhere."""
    states: dict[str, str] = {}
    began = time.monotonic()
    if not console.is_terminal:

        def say(name: str, state: str) -> None:
            if state == "ready":
                console.print(f"{name} is ready ({time.monotonic() - began:.1f} s)")

        yield say
        return
    with console.status(title) as status:

        def show(name: str, state: str) -> None:
            states[name] = state
            marks = "  ".join(f"{_MARKS[state]} {name}" for name, state in states.items())
            status.update(f"{title}  {marks}")

        yield show
