"""Who makes a call, and what for, as services want to be told."""

import getpass
import os
from typing import Annotated
from urllib.parse import quote

import typer

from voicemesh_cli import output

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", "--by", help="Who does it; else VOICEMESH_PRINCIPAL, else the user of this machine.", show_default=False
    ),
]
PurposeOption = Annotated[str, typer.Option(help="What for; it is written down.")]


def who(principal: str | None, purpose: str) -> tuple[tuple[str, str], ...]:
    """Return who calls and what for, as metadata.

    Raises:
        InputError: the name is none that a service takes.
    """
    name = principal or os.environ.get("VOICEMESH_PRINCIPAL") or login()
    if not name.isascii():
        raise output.InputError(f"{name!r}: names of who does something are ASCII; give another one with --as.")
    return ("voicemesh-principal", name), ("voicemesh-purpose", quote(purpose[:256]))


def login() -> str:
    """Return the name of this machine's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # An account without a name, as in a container.
        return "unknown"
