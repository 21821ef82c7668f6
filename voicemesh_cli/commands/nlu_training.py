"""`voicemesh nlu train`, `eval` and `benchmark`: the intents' heads, made and judged."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from voicemesh_cli import output, tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MODULE = "services.nlu.training"
_SHOWN_CONFUSIONS = 12

DomainsArgument = Annotated[list[str], typer.Argument(help="Domains: names, or paths of their folders.")]
LanguageOption = Annotated[
    list[str] | None, typer.Option(help="A language of the domain; may be repeated; else all.", show_default=False)
]


def register(nlu: typer.Typer) -> None:
    """Add the commands to the group."""

    @nlu.command(epilog=output.example("voicemesh nlu train clinic", "voicemesh nlu train ./my-domains/bakery --json"))
    def train(*, domains: DomainsArgument, language: LanguageOption = None, json: output.JsonOption = False) -> None:
        """Train the intents of domains from their examples, and write their heads (needs the extra `train`)."""
        with output.command(json) as out:
            document = tool.document_of(_MODULE, "train", *domains, *_repeated("--language", language))
            out.document(document)
            for each in document["trained"]:
                _show_trained(out, each)

    @nlu.command(
        "eval",
        epilog=output.example(
            "voicemesh nlu eval clinic --html clinic.html", "voicemesh nlu eval shop --held-out my-sentences.yaml"
        ),
    )
    def eval_(
        *,
        domains: DomainsArgument,
        language: LanguageOption = None,
        held_out: Annotated[
            Path | None,
            typer.Option(help="Sentences no head was trained on, in the form of intents.yaml; else cross-validation."),
        ] = None,
        html: Annotated[Path | None, typer.Option(help="Draw the figures into this HTML file.")] = None,
        json: output.JsonOption = False,
    ) -> None:
        """Say how well the intents of domains are told: accuracy, out of scope, calibration, confusions."""
        options = [*_repeated("--language", language)]
        options += ["--held-out", str(held_out)] if held_out else []
        options += ["--html", str(html)] if html else []
        with output.command(json) as out:
            if html is not None and not html.absolute().parent.is_dir():
                raise output.InputError(f"--html {html}: there is no folder {html.absolute().parent}; make it first.")
            document = tool.document_of(_MODULE, "eval", *domains, *options)
            out.document(document)
            for each in document["evaluations"]:
                out.console.print(_heading(each), f"[dim]by {escape(each['method'])}[/]")
                out.console.print(_figures(each))
                out.console.print(_confusions(each["confusions"]))
            if html:
                out.console.print(f"drawn in {escape(str(html))}")

    @nlu.command(
        epilog=output.example(
            "voicemesh nlu benchmark --train clinc150_train_val.json --test clinc150_test.json",
            "voicemesh nlu benchmark --train banking77_train.csv --test banking77_test.csv --json",
        )
    )
    def benchmark(
        *,
        train: Annotated[Path, typer.Option(help="CLINC150's JSON or Banking77's CSV; its test parts are left out.")],
        test: Annotated[
            Path,
            typer.Option(
                help="A file of the same form; where it has test parts, its training and validation parts do not count."
            ),
        ],
        json: output.JsonOption = False,
    ) -> None:
        """Train on one file and test on another. The operating point comes from the training file alone."""
        with output.command(json) as out:
            document = tool.document_of(_MODULE, "benchmark", "--train", str(train), "--test", str(test))
            out.document(document)
            table = Table(box=None, show_header=False)
            for name, value in document.items():
                if not isinstance(value, (dict, list)):
                    table.add_row(name, escape(str(value)))
            out.console.print(table)


def _show_trained(out: output.Output, each: Mapping[str, Any]) -> None:
    out.console.print(_heading(each), f"[dim]written to {escape(each['file'])}[/]")
    out.console.print(_figures(each))
    for warning in each["warnings"]:
        out.console.print(f"[yellow]warning:[/] {escape(warning)}")


def _repeated(option: str, values: Sequence[str] | None) -> list[str]:
    return [part for value in values or () for part in (option, value)]


def _heading(each: Mapping[str, Any]) -> str:
    return f"[bold]{escape(each['domain'])}[/] {escape(each['language'])}, {each['examples']} examples"


def _figures(each: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    recall = each["out_of_scope_recall"]
    table.add_row("accuracy", f"{each['accuracy']:.1%}", "of in-scope texts, had all been kept")
    table.add_row("at the threshold", f"{each['in_scope_accuracy']:.1%}", f"{each['in_scope_kept']:.1%} are kept")
    table.add_row("out of scope found", "-" if recall is None else f"{recall:.1%}", f"of {each['out_of_scope']}")
    table.add_row("calibration error", f"{each['ece']:.1%}", "mean distance of confidence and accuracy")
    return table


def _confusions(confusions: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("meant", "taken for", "times", "of it", "such as"):
        table.add_column(heading)
    for each in confusions[:_SHOWN_CONFUSIONS]:
        cells = (each["intent"], each["taken_for"], str(each["count"]), f"{each['share']:.0%}", each["texts"][0])
        table.add_row(*(escape(cell) for cell in cells))
    return table
