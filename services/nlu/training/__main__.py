"""`python -m services.nlu.training COMMAND`: what `voicemesh nlu` runs; prints one JSON document on stdout."""

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mesh.config import ConfigError
from services.nlu.training.datasets import DatasetError

_THREADS = 1
_EXTRA = frozenset({"sklearn", "scipy", "jinja2", "threadpoolctl"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 with {"error": {"message": ...}} when what was given cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        # What a library prints is no part of the document.
        with contextlib.redirect_stdout(sys.stderr):
            document = _run(given)
    except (ConfigError, DatasetError, OSError) as error:
        _say({"error": {"message": str(error)}})
        return 2
    _say(document)
    return 0


def _run(given: argparse.Namespace) -> dict[str, Any]:
    try:
        commands = importlib.import_module("services.nlu.training.commands")
        threads = importlib.import_module("threadpoolctl")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _EXTRA:
            raise
        raise ConfigError(f"training needs {error.name}, which is not installed; install voicemesh[train]") from error
    options = {name: value for name, value in vars(given).items() if name != "command"}
    # The matrices are small: a second thread costs more in waiting than it computes.
    with threads.threadpool_limits(_THREADS):
        document: dict[str, Any] = getattr(commands, given.command)(**options)
    return document


def _say(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.nlu.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the heads of domains and write them beside their data")
    evaluate = commands.add_parser("eval", help="judge the heads of domains")
    for command in (train, evaluate):
        command.add_argument("domains", nargs="+", metavar="DOMAIN", help="a name, or the path of a folder")
        command.add_argument("--language", action="append", dest="languages", default=[], help="else all")
    evaluate.add_argument("--held-out", type=Path, help="sentences in the form of intents.yaml")
    evaluate.add_argument("--html", type=Path, help="the file to draw into")
    evaluate.set_defaults(command="evaluate")
    benchmark = commands.add_parser("benchmark", help="train on a public data set's file, test on another")
    benchmark.add_argument("--train", type=Path, required=True)
    benchmark.add_argument("--test", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
