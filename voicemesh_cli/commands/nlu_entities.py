"""`voicemesh nlu entities`: the dates, times, numbers and names that sentences hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from voicemesh_cli import output, tool

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULE = "services.nlu.entities"


def register(nlu: typer.Typer) -> None:
    """Add the command to the group."""

    @nlu.command(
        epilog=output.example(
            'echo "next Tuesday at half three" | voicemesh nlu entities --reference 2026-11-20T09:00:00-05:00',
            "voicemesh nlu entities --domain shop --types date,order_number --json < sentences.txt",
        )
    )
    def entities(
        *,
        reference: Annotated[
            str,
            typer.Option(
                help="The moment that dates are relative to, ISO 8601 with the caller's offset; else now.",
                show_default=False,
            ),
        ] = "",
        language: Annotated[str, typer.Option(help="BCP 47 tag of the sentences.")] = "en",
        domain: Annotated[
            str,
            typer.Option(help="A domain whose own words, currency and region count; else none.", show_default=False),
        ] = "",
        types: Annotated[
            str, typer.Option(help="Entity types to look for, separated by commas; else all.", show_default=False)
        ] = "",
        expect: Annotated[
            str, typer.Option(help="Entity types that are waited for, separated by commas.", show_default=False)
        ] = "",
        json: output.JsonOption = False,
    ) -> None:
        """Find the entities of sentences, one a line on stdin."""
        options = {"--reference": reference, "--language": language, "--domain": domain, "--types": types}
        options["--expect"] = expect
        arguments = [f"{name}={value}" for name, value in options.items() if value]
        with output.command(json) as out:
            if sys.stdin.isatty():
                typer.echo("Sentences, one a line; Ctrl-D ends them.", err=True)
            sentences = tool.document_of(_MODULE, *arguments)["sentences"]
            out.document(sentences)
            if not json and sentences:
                out.console.print(_table(sentences))


def _table(sentences: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("sentence", "entity", "value", "words", "confidence", "or"):
        table.add_column(heading)
    for each in sentences:
        text = str(each["text"])
        for found in each["entities"] or [None]:
            cells = (found["type"], found["value"], found["raw"], f"{found['confidence']:.0%}") if found else ("-",)
            others = ", ".join(found["alternatives"]) if found else ""
            row = [text, *cells, *[""] * (4 - len(cells)), others]
            table.add_row(*(escape(cell) for cell in row))
            text = ""
    return table
