"""`voicemesh flow`: check flows, test them by scripted dialogues, talk to them in the terminal, draw them."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_codec
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from voicemesh_cli import endpoints, output
from voicemesh_cli.launcher import SERVICES, LaunchOptions, launch
from voicemesh_cli.launcher.view import starting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

_TOOLS = "services.dialogue.flow.tools"
_DOMAINS = "services.nlu.check"

PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Flow files, scripts of dialogues, folders, or names of domains; else all domains.",
        show_default=False,
    ),
]
DomainArgument = Annotated[str, typer.Argument(help="Name of a domain, or the folder of one.")]
LanguageOption = Annotated[str, typer.Option(help="Tag of the flow's language; else English, or the only one.")]
TargetOption = Annotated[
    str | None,
    typer.Option(
        callback=output.checked_target,
        help="HOST:PORT of an understanding service; else the running mesh's, else one is started.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    flow = typer.Typer(
        help="Flows: check, test, talk to and draw what the agent says.",
        epilog=output.example("voicemesh flow test clinic", "voicemesh flow chat clinic"),
        no_args_is_help=True,
    )
    app.add_typer(flow, name="flow")

    @flow.command(epilog=output.example("voicemesh flow check my_domains/bakery", "voicemesh flow check --json"))
    def check(*, paths: PathsArgument = None, json: output.JsonOption = False) -> None:
        """Say what is wrong with flows and the domains around them: file, line and remedy."""
        with output.command(json) as out:
            code, document = _tool(["check", *(paths or [])])
            folders = dict.fromkeys(file["folder"] for file in document["files"] if file["folder"])
            if folders:
                understood, domains = _tool(folders, module=_DOMAINS)
                code, document = max(code, understood), document | domains
            _show_check(out, document)
            _end(out, code, document)

    @flow.command(epilog=output.example("voicemesh flow test clinic", "voicemesh flow test --annotated --json"))
    def test(
        *,
        paths: PathsArgument = None,
        annotated: Annotated[
            bool, typer.Option("--annotated", help="Take the meanings that the scripts note down; no service is asked.")
        ] = False,
        update: Annotated[
            bool, typer.Option("--update", help="Write the scripts anew as the dialogues went; read the change.")
        ] = False,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Play scripted dialogues, without audio, and show where the agent says something else."""
        with output.command(json) as out:
            arguments = ["test", *(paths or []), *(["--update"] if update else [])]
            code, document = (
                _tool(arguments) if annotated else asyncio.run(_understood(out, arguments, target, paths or []))
            )
            _show_test(out, document)
            _end(out, code, document)

    @flow.command(epilog=output.example("voicemesh flow graph clinic --out clinic.svg"))
    def graph(
        *,
        domain: DomainArgument,
        language: LanguageOption = "",
        out: Annotated[Path | None, typer.Option(help="The SVG file; else DOMAIN-LANGUAGE.svg.")] = None,
        json: output.JsonOption = False,
    ) -> None:
        """Draw a domain's flows as SVG."""
        with output.command(json) as printer:
            if out is not None and out.suffix.lower() != ".svg":
                raise output.InputError(f"--out {out}: the drawing is an SVG; name a file that ends in .svg.")
            if out is not None and not out.absolute().parent.is_dir():
                raise output.InputError(f"--out {out}: there is no folder {out.absolute().parent}; make it first.")
            _, document = _tool(["graph", domain, "--language", language])
            svg = document.pop("svg")
            file = out or Path(f"{document['domain']}-{document['language']}.svg")
            file.write_text(svg, encoding="utf-8")
            printer.document(document | {"file": str(file)})
            printer.console.print(f"{file}: {len(document['flows'])} flows")

    @flow.command(
        epilog=output.example(
            "voicemesh flow chat clinic", "echo 'book a cleaning' | voicemesh flow chat clinic --json"
        )
    )
    def chat(
        *,
        domain: DomainArgument,
        language: LanguageOption = "",
        call: Annotated[
            str, typer.Option(help="What is known of the call, for example 'contact=\"Ann Lee\" direction=outbound'.")
        ] = "",
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Talk to a flow in the terminal, or by lines on stdin; /help says more."""
        with output.command(json) as out:
            arguments = ["chat", domain, "--language", language, "--options", call]
            arguments += ["--json"] if json else []
            code, document = asyncio.run(_understood(out, arguments, target, [domain], talk=True))
            if document:
                out.document(document)
            if code:
                raise typer.Exit(code)


def _end(out: output.Output, code: int, document: dict[str, Any]) -> None:
    out.document(document)
    if code:
        raise typer.Exit(code)


async def _understood(
    out: output.Output, arguments: Sequence[str], target: str | None, paths: Sequence[str], *, talk: bool = False
) -> tuple[int, dict[str, Any]]:
    """Run a tool with an understanding service: a named or running one, else one started meanwhile for the paths."""
    async with _understanding(out, target, paths) as address:
        command = [*arguments, "--nlu", address]
        return await asyncio.to_thread(_tool, command, talk=talk and not out.json_mode)


@contextlib.asynccontextmanager
async def _understanding(out: output.Output, target: str | None, paths: Sequence[str]) -> AsyncIterator[str]:
    if target or os.environ.get("VOICEMESH_NLU_TARGET") or endpoints.running_mesh():
        yield endpoints.resolve_target(target, "nlu")
        return
    environment = await asyncio.to_thread(_environment, paths)
    async with contextlib.AsyncExitStack() as stack:
        with starting(out.console, "starting an understanding service") as progress:
            options = LaunchOptions(
                state_dir=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemesh-"))),
                services=tuple(spec for spec in SERVICES if spec.name == "nlu"),
                with_broker=False,
                env=environment,
                on_progress=progress,
            )
            address = (await stack.enter_async_context(launch(options))).addresses["nlu"]
        yield address


def _environment(paths: Sequence[str]) -> dict[str, str]:
    """What a service has to be told to know the domains of the paths: the folder they lie in, where it is one."""
    _, document = _tool(["check", *paths])
    around = {str(Path(file["folder"]).parent) for file in document["files"] if file["folder"]}
    return {"VOICEMESH_DOMAINS_DIR": around.pop()} if len(around) == 1 else {}


def _tool(arguments: Iterable[str], *, talk: bool = False, module: str = _TOOLS) -> tuple[int, dict[str, Any]]:
    """Run a tool of a service in a process of its own: its exit code and its document; a talk has none.

    Raises CliError when it fails otherwise than by what it found, InputError when the arguments are wrong.
    """
    command = [sys.executable, "-m", module, *arguments]
    if talk:
        return subprocess.run(command, check=False).returncode, {}  # noqa: S603 - this program itself
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this program itself
    try:
        document: dict[str, Any] = json_codec.loads(done.stdout)
    except ValueError:
        raise output.CliError(
            "the tools did not run: install the dialogue and nlu services too (pip install 'voicemesh[dialogue,nlu]'), "
            "and see above what went wrong."
        ) from None
    if "error" in document:
        raise output.InputError(document["error"])
    return done.returncode, document


def _show_check(out: output.Output, document: dict[str, Any]) -> None:
    for file in document["files"]:
        for error in file.get("errors", ()):
            out.console.print(f"[red]{escape(error['message'])}[/]")
        if "errors" not in file:
            flows, dialogues = len(file["flows"]), file["dialogues"]
            out.console.print(f"[green]good[/] {escape(file['file'])}: {flows} flows, {dialogues} dialogues")
    for domain in document.get("domains", ()):
        if "error" in domain:
            out.console.print(f"[red]{escape(domain['error'])}[/]")
        else:
            known = ", ".join(f"{count} intents in {language!r}" for language, count in domain["intents"].items())
            out.console.print(f"[green]good[/] {escape(domain['folder'])}: {known}")


def _show_test(out: output.Output, document: dict[str, Any]) -> None:
    colours = {"-": "red", "+": "green", "@": "cyan"}
    for dialogue in document["dialogues"]:
        if dialogue["passed"]:
            continue
        out.console.print(f"[bold]{escape(dialogue['file'])}:{dialogue['line']}[/] {escape(dialogue['name'])}")
        for line in dialogue["diff"]:
            colour = colours.get(line[0], "dim")
            out.console.print(f"  [{colour}]{escape(line)}[/]")
    if not document["dialogues"]:
        out.console.print(
            "[yellow]no dialogues there[/]: write some to DOMAIN/LANGUAGE/dialogues/*.txt (docs/flows.md)"
        )
    verdict = f"{document['passed']} of {len(document['dialogues'])} dialogues go as written"
    out.console.print(f"{verdict}{'; the scripts are written anew' if document['updated'] else ''}")
