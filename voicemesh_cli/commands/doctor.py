"""`voicemesh doctor`: what is there, what is missing, and how to get it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from mesh.config import default_cache_dir
from voicemesh_cli import endpoints, health, output
from voicemesh_cli.health import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {
    health.State.OK: Text("✓", style="green"),
    health.State.MISSING: Text("✗", style="bold red"),
    health.State.OPTIONAL: Text("-", style="yellow"),
}
_REMEDY_COLUMN = 15


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh doctor", "voicemesh doctor --json"))
    def doctor(json: output.JsonOption = False) -> None:
        """Say what is installed, which engines and models load, what is missing and how to get it.

        The exit code is 0 if the demo can run.
        """
        with output.command(json) as out:
            with out.console.status("loading every engine once"):
                found = asyncio.run(_checks())
            missing = [check for check in found if check.state is health.State.MISSING]
            _print(out, found)
            if missing:
                names = ", ".join(f"{check.area} {check.name}" for check in missing)
                out.console.print(Text.assemble("\n", ("The demo cannot run:", "bold red"), f" mend {names}."))
            else:
                out.console.print("\n[bold green]The demo can run:[/] make demo")
            out.document({"ok": not missing, "checks": [asdict(check) for check in found]})
            if missing:
                raise typer.Exit(1)


async def _checks() -> list[Check]:
    models = Path(os.environ.get("VOICEMESH_CACHE_DIR") or default_cache_dir())
    return [
        health.python(),
        *health.extras(),
        *health.programs(),
        folder("models", models, "VOICEMESH_CACHE_DIR"),
        folder("state", endpoints.state_file().parent, "VOICEMESH_STATE_DIR"),
        *await health.all_engines(),
        *health.translations(models),
        *health.databases(),
        health.microphone(),
        health.mesh(),
    ]


def folder(name: str, path: Path, variable: str) -> Check:
    """Whether a folder can be written, or made where it is not there yet; `variable` names another one."""
    nearest = next(each for each in (path, *path.resolve().parents) if each.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        return Check("folder", name, health.State.OK, str(path))
    remedy = f"name a folder that you can write: {variable}=FOLDER"
    return Check("folder", name, health.State.MISSING, f"{path} can not be written", remedy)


def _print(out: output.Output, checks: Sequence[Check]) -> None:
    """A line a check, the area named once; what to do stands below."""
    area = ""
    for check in checks:
        head = Text.assemble(
            _MARKS[check.state],
            (f" {'' if check.area == area else check.area:<9}", "dim"),
            (f"{check.name:<16} ", "bold"),
        )
        output.print_beside(out.console, head, Text(check.found), head.cell_len)
        if check.remedy:
            output.print_beside(out.console, Text(f"{'':<11} ->"), Text(check.remedy, style="yellow"), _REMEDY_COLUMN)
        area = check.area
