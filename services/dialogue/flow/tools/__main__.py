"""The flow tools as a program: `python -m services.dialogue.flow.tools check|test|graph|chat`; see `voicemesh flow`.

`check`, `test` and `graph` print one JSON document on stdout. Exit codes: 0 good, 1 something is wrong with a flow or
a dialogue, 2 the arguments are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from mesh.config import ConfigError
from services.dialogue.flow.mistakes import FlowFileError, every
from services.dialogue.flow.templates import FlowRunError
from services.dialogue.flow.tools.chat import chat
from services.dialogue.flow.tools.graph import draw
from services.dialogue.flow.tools.places import NothingThereError, flow_folders, one_flow
from services.dialogue.flow.tools.play import play, rewritten
from services.dialogue.flow.tools.understand import understanding_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.dialogue.flow.tools.places import FlowFolder
    from services.dialogue.flow.tools.play import Played, Understand

_GOOD, _WRONG, _USAGE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Run a tool and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.dialogue.flow.tools")
    tools = parser.add_subparsers(required=True, dest="tool")
    check = tools.add_parser("check")
    check.add_argument("paths", nargs="*")
    test = tools.add_parser("test")
    test.add_argument("paths", nargs="*")
    test.add_argument("--nlu", help="HOST:PORT; without it the meanings that are noted down count")
    test.add_argument("--update", action="store_true")
    graph = tools.add_parser("graph")
    graph.add_argument("domain")
    graph.add_argument("--language", default="")
    talk = tools.add_parser("chat")
    talk.add_argument("domain")
    talk.add_argument("--language", default="")
    talk.add_argument("--nlu", required=True)
    talk.add_argument("--options", default="")
    talk.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        return _TOOLS[given.tool](given)
    except (NothingThereError, FlowFileError, FlowRunError, ConfigError, OSError) as error:
        message = str(error)
    except grpc.RpcError as error:
        details = getattr(error, "details", None)
        message = f"the understanding service could not be asked: {details() if details else error}"
    if given.tool == "chat" and not given.json:
        sys.stderr.write(f"error: {message}\n")
    else:
        _print({"error": message})
    return _USAGE


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def _check(given: argparse.Namespace) -> int:
    files = [
        {"file": str(folder.flow), "folder": folder.whole, "domain": folder.domain, "language": folder.language}
        | _checked(folder)
        for folder in flow_folders(given.paths)
    ]
    _print({"files": files})
    return _WRONG if any("errors" in file for file in files) else _GOOD


def _checked(folder: FlowFolder) -> dict[str, Any]:
    """What a flow holds, or all that is wrong with it, its domain and its dialogues, by file and line."""
    readers: tuple[Callable[[], Any], ...] = (folder.script, folder.dialogues)
    try:
        script, dialogues = every(readers)
    except FlowFileError as error:
        return {"errors": [asdict(mistake) | {"message": str(mistake)} for mistake in error.mistakes]}
    return {"version": script.version, "flows": list(script.flows), "dialogues": len(dialogues)}


def _test(given: argparse.Namespace) -> int:
    with understanding_service(given.nlu) if given.nlu else contextlib.nullcontext() as understand:
        played = [each for folder in flow_folders(given.paths) for each in _played(folder, understand)]
    if given.update:
        _rewrite(played)
    _print(
        {
            "dialogues": [each.document() for each in played],
            "passed": sum(each.passed for each in played),
            "failed": sum(not each.passed for each in played),
            "understanding": "service" if given.nlu else "as noted",
            "updated": given.update,
        }
    )
    return _GOOD if given.update or (played and all(each.passed for each in played)) else _WRONG


def _played(folder: FlowFolder, understand: Understand | None) -> list[Played]:
    policy, zone = folder.policy(), folder.time_zone
    return [play(policy, dialogue, time_zone=zone, understand=understand) for dialogue in folder.dialogues()]


def _rewrite(played: list[Played]) -> None:
    for file in dict.fromkeys(each.dialogue.file for each in played):
        own = [each for each in played if each.dialogue.file == file]
        Path(file).write_text(rewritten(own), encoding="utf-8")


def _graph(given: argparse.Namespace) -> int:
    folder = one_flow(given.domain, given.language)
    script = folder.script()
    _print({"domain": script.domain, "language": script.language, "flows": list(script.flows), "svg": draw(script)})
    return _GOOD


def _chat(given: argparse.Namespace) -> int:
    folder = one_flow(given.domain, given.language)
    with understanding_service(given.nlu) as understand:
        document = chat(folder, understand, options=given.options, quiet=given.json)
    if given.json:
        _print(document)
    return _GOOD


_TOOLS = {"check": _check, "test": _test, "graph": _graph, "chat": _chat}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
