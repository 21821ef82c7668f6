"""Commands that a service's own module carries out: it runs as a process, for the command line imports no service."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from voicemesh_cli.failures import CliError, InputError

_WRONG_INPUT = 2


def document_of(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON document that `python -m module arguments` prints on stdout.

    Its stderr is this process's: progress for a person. When it fails, its document is
    {"error": {"message": SENTENCE}}.

    Raises InputError when it ends with exit code 2, CliError when it ends otherwise or says nothing.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=False, text=True)  # noqa: S603 - our own module
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CliError(f"{module} ended with exit code {done.returncode} and without an answer; it said why above.")
    if done.returncode:
        message = str(document.get("error", {}).get("message", "it did not say why"))
        raise (InputError if done.returncode == _WRONG_INPUT else CliError)(message)
    return document
