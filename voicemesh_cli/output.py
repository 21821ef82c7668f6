"""What a command prints: one JSON document with --json, text for a person without it, and its exit code.

Every command has the same frame::

    def register(app: typer.Typer) -> None:
        @app.command(epilog=output.example("voicemesh hello --json"))
        def hello(json: output.JsonOption = False) -> None:
            with output.command(json) as out:
                out.console.print("working ...")       # for a person; on stderr with --json
                out.document({"said": "hello"})         # the one document; nothing without --json

Exit codes: 0 it worked, 1 it failed, 2 the usage or the input was wrong, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json as json_codec
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console

from voicemesh_cli import failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLAIN_WIDTH = 110

CliError = failures.CliError
InputError = failures.InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


def example(*lines: str) -> str:
    """The epilogue of a command's --help: `lines` are command lines a person can copy."""
    return "Example:  " + "   |   ".join(lines)


class Output:
    """Where one run of a command prints.

    `console` is for a person: stdout, or stderr when a JSON document is to be printed.
    """

    def __init__(self, *, json_mode: bool, stdout: TextIO) -> None:
        self.json_mode = json_mode
        self.printed = False
        self._stdout = stdout
        stream = sys.stderr if json_mode else stdout
        # Text for a person is never cut by a pipe's imagined width: lines end where they end. What has to be laid
        # out gets a width that most places can show.
        width = None if stream.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
        self.console = Console(file=stream, highlight=False, soft_wrap=True, width=width)

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the run's one JSON document; without --json nothing is printed.

        Raises RuntimeError when the run has printed its document already: a fault of the command.
        """
        if not self.json_mode:
            return
        if self.printed:
            raise RuntimeError("the command printed its JSON document already")
        text = json_codec.dumps(document, ensure_ascii=False, indent=2)
        self.printed = True
        self._stdout.write(text + "\n")
        self._stdout.flush()

    def failure(self, failure: failures.Failure) -> None:
        """Print why the run failed: as {"error": {...}} with --json, else one red sentence on stderr."""
        if self.json_mode and not self.printed:
            self.document({"error": failure.document()})
            return
        errors = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(failure.message, markup=False)


@contextlib.contextmanager
def command(json_mode: bool) -> Iterator[Output]:
    """The frame of one command's run.

    A CliError, a gRPC error, a MeshError or an error of the SDK ends the run with one sentence (or one JSON
    document) and its exit code; other exceptions are faults of the program and pass through, after the
    document in JSON mode. With --json, whatever else is written to stdout inside the frame goes to stderr.

    Raises typer.Exit with the exit code.
    """
    out = Output(json_mode=json_mode, stdout=sys.stdout)
    quiet = contextlib.redirect_stdout(sys.stderr) if json_mode else contextlib.nullcontext()
    try:
        with quiet:
            yield out
    except typer.Exit:
        raise
    except BaseException as error:
        failure = failures.describe(error)
        if failure is None:
            if json_mode and not out.printed:
                out.failure(failures.Failure(message=f"fault of the program: {error!r}", reason="INTERNAL"))
            raise
        out.failure(failure)
        raise typer.Exit(failure.exit_code) from error
    if json_mode and not out.printed:
        raise RuntimeError("the command ended without its JSON document")
