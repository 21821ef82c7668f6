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
from rich.table import Column, Table
from rich.text import Text

from voicemesh_cli import failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PLAIN_WIDTH = 110

CliError = failures.CliError
InputError = failures.InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


def example(*lines: str) -> str:
    """The epilogue of a --help: `lines` are command lines a person can copy, each on a line of its own."""
    return "\n".join(["Example:", *lines])


def checked_target(target: str | None) -> str | None:
    """The callback of every --target option: "host:port", or none.

    Raises typer.BadParameter when it is no such thing: gRPC would only say that a name can not be resolved.
    """
    host, _, port = (target or "").partition("@")[0].rpartition(":")
    if target and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise typer.BadParameter(f"{target!r} is no address: give HOST:PORT, such as 127.0.0.1:7411.")
    return target


def make_folder(path: Path, option: str) -> None:
    """Makes a folder for what a command writes, before it does anything else.

    `option` is how the user named it. Raises InputError when it can not be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option} {path} can not be made a folder ({error.strerror}): name another one.") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"{option} {path} can not be written to: name another folder.")


def print_beside(console: Console, head: Text, body: Text, width: int) -> None:
    """Print `body` behind `head`, which fills `width` columns.

    On a terminal the lines of a long body all begin behind the head; elsewhere it is one line, however long.
    """
    if not console.is_terminal:
        head.pad_right(max(0, width - head.cell_len))
        console.print(Text.assemble(head, body))
        return
    grid = Table.grid(Column(width=width, no_wrap=True), Column(overflow="fold"))
    grid.add_row(head, body)
    console.print(grid)


class Output:
    """Where one run of a command prints.

    `console` is for a person: stdout, or stderr when a JSON document is to be printed.
    """

    def __init__(self, *, json_mode: bool, stdout: TextIO) -> None:
        self.json_mode = json_mode
        self.printed = False
        self._stdout = stdout
        self.console = _console(sys.stderr if json_mode else stdout)

    def document(self, document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
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
        _console(sys.stderr).print(Text.assemble(("error:", "bold red"), " ", failure.message))


def _console(stream: TextIO) -> Console:
    """A console for a person.

    On a terminal long lines break between words. Elsewhere they end where they end, for no width is known; what has
    to be laid out gets a width that most places can show.
    """
    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PLAIN_WIDTH
    return Console(file=stream, highlight=False, soft_wrap=not terminal, width=width)


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
