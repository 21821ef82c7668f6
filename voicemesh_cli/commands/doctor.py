"""`voicemesh doctor`: what is there, what is missing, and how to get it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from voicemesh_cli import health, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicemesh_cli.health import Check

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
                names = ", ".join(check.name for check in missing)
                out.console.print(f"\n[bold red]The demo cannot run:[/] {names} missing.")
            else:
                out.console.print("\n[bold green]The demo can run:[/] make demo")
            out.document({"ok": not missing, "checks": [asdict(check) for check in found]})
            if missing:
                raise typer.Exit(1)


async def _checks() -> list[Check]:
    return [
        health.python(),
        *health.extras(),
        *health.programs(),
        *await health.all_engines(),
        *health.databases(),
        health.microphone(),
        health.mesh(),
    ]


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
