"""The `voicemesh` command."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import signal
import sys
from typing import TYPE_CHECKING

import typer

from voicemesh_cli import failures, output

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the order of --help. Each is a module of voicemesh_cli.commands with `register(app)`.
COMMANDS = (
    "demo",
    "up",
    "call",
    "talk",
    "doctor",
    "asr",
    "transcript",
    "crm",
    "review",
    "consent",
    "privacy",
    "events",
    "models",
    "nlu",
    "flow",
)


def build_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The typer application with the given commands; a command whose module does not exist is left out."""
    app = typer.Typer(
        name="voicemesh",
        help="Spoken conversations through a mesh of gRPC services.",
        epilog=output.example(
            "voicemesh demo", "voicemesh up", "voicemesh talk --domain clinic", "voicemesh call --help"
        ),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ) -> None:
        del version  # its callback has done everything

    for name in commands:
        module = f"voicemesh_cli.commands.{name}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(importlib.metadata.version("voicemesh"))
        raise typer.Exit


def main() -> None:
    """Run the command of the command line and exit with its code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A command that is told to end cleans up as it does after Ctrl-C.
        signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    arguments = sys.argv[1:]
    # Only the wanted command is imported: a demo should not wait for the other commands' libraries.
    wanted = COMMANDS if not arguments or arguments[0] not in COMMANDS else (arguments[0],)
    command = typer.main.get_command(build_app(wanted))
    if "--json" not in arguments:
        command.main(arguments, prog_name="voicemesh")
        return
    try:
        # Outside its standalone mode typer hands usage errors out, and returns the exit code.
        code = command.main(arguments, prog_name="voicemesh", standalone_mode=False)
    except typer.TyperException as error:
        failure = failures.Failure(message=error.format_message(), exit_code=error.exit_code, reason="USAGE")
        output.Output(json_mode=True, stdout=sys.stdout).failure(failure)
        code = error.exit_code
    sys.exit(code)
