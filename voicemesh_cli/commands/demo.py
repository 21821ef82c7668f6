"""`voicemesh demo`: one spoken call through all six services."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from voicemesh_cli import output
from voicemesh_cli.demo import PLANS, run
from voicemesh_cli.demo.report import print_report

_OUT = Path("var/demo")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh demo", "voicemesh demo --domain shop --json"))
    def demo(
        domain: Annotated[str, typer.Option(help=f"What the caller calls about: {' or '.join(PLANS)}.")] = "clinic",
        out: Annotated[Path, typer.Option(help="Folder for the call's WAV files and the services' logs.")] = _OUT,
        json: output.JsonOption = False,
    ) -> None:
        """Play a recorded caller through a mesh of its own and show everything that follows from it.

        Starts the broker and the six services, speaks, listens, and stops them again. The exit code is 0 only
        if every step worked: words, meaning, voice, events, records, one trace through all six services.
        """
        with output.command(json) as reporter:
            if domain not in PLANS:
                raise output.InputError(f"there is no demo of {domain!r}: choose {' or '.join(PLANS)}.")
            output.make_folder(out, "--out")
            findings = asyncio.run(run(PLANS[domain], out, reporter.console))
            print_report(reporter.console, findings)
            document = findings.document()
            reporter.document(document)
            if not document["ok"]:
                failed = ", ".join(step["title"] for step in document["steps"] if not step["ok"])
                reporter.console.print(f"[bold red]The demo failed[/] at: {failed}. Logs: {out / 'logs'}")
                raise typer.Exit(1)
            reporter.console.print("[bold green]Everything worked.[/]")
