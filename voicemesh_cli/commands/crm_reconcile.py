"""`voicemesh crm reconcile`: what calls said, compared with what a business system holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from voicemesh_cli import endpoints, output, tool
from voicemesh_cli.commands.crm_options import TenantOption  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULE = "services.crm_gateway.reconciliation"
_FINDINGS = ("missing", "duplicated", "different", "unexpected")
_ROWS = {
    "matched": "as they should be",
    "waiting": "on their way",
    "held_back": "held back by a person",
    "missing": "missing",
    "duplicated": "there more than once",
    "different": "with other values",
    "unexpected": "that no event asks for",
    "repaired": "queued to be put right",
}
_ID_WIDTH = 34


def register(crm: typer.Typer) -> None:
    """Add the command to `voicemesh crm`."""

    @crm.command(
        epilog=output.example(
            "voicemesh crm reconcile --vendor simulator --since 7d", "voicemesh crm reconcile --repair"
        )
    )
    def reconcile(
        *,
        vendor: Annotated[
            str, typer.Option(help="The business system; else VOICEMESH_CRM_VENDOR, else local.", show_default=False)
        ] = "",
        since: Annotated[str, typer.Option(help="A time such as 2026-05-01T08:00, or how long ago: 30m, 24h, 7d.")] = (
            "24h"
        ),
        repair: Annotated[
            bool, typer.Option("--repair", help="Have what is missing or different written again.")
        ] = False,
        tenant: TenantOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Compare what events say with what a business system holds; exit code 1 when differences are left.

        What is there and nobody asks for is shown, and no reason to end with 1: nothing that a call said is wrong.
        It runs beside the sync process, with the same settings (VOICEMESH_CRM_DATABASE_URL, VOICEMESH_NATS_URL,
        VOICEMESH_CRM_URL ...). Duplicates are reported with their ids, and never deleted.
        """
        with output.command(json) as out:
            arguments = ["--tenant", endpoints.context(tenant=tenant).tenant_id, "--since", since]
            arguments += ["--vendor", vendor] if vendor else []
            arguments += ["--repair"] if repair else []
            report = tool.document_of(_MODULE, *arguments)
            out.document(report)
            _print(out, report)
            # What is unexpected is never repaired here: a comparison by the clock would fail for good.
            if report["left"] > report["unexpected"]:
                raise typer.Exit(1)


def _print(out: output.Output, report: Mapping[str, Any]) -> None:
    out.console.print(f"[bold]{report['vendor']}[/], records since {report['since']}")
    table = Table(box=None, show_header=False)
    for name, text in _ROWS.items():
        if report[name] or name == "matched":
            table.add_row(str(report[name]), text, style="yellow" if name in _FINDINGS else "")
    out.console.print(table)
    for difference in report["differences"]:
        _print_difference(out, difference)
    listed = len(report["differences"])
    found = sum(report[name] for name in _FINDINGS)
    if found > listed:
        out.console.print(f"[dim]and {found - listed} more[/]")


def _print_difference(out: output.Output, difference: Mapping[str, Any]) -> None:
    repaired = " (queued)" if difference["repaired"] else ""
    line = Text.assemble((difference["finding"], "yellow"), " ", (difference["kind"], "bold"), repaired)
    output.print_beside(out.console, Text(difference["record_id"]), line, _ID_WIDTH)
    if difference["there"]:
        there = f"there as {', '.join(difference['there'])}"
        output.print_beside(out.console, Text(), Text(there, "dim"), _ID_WIDTH)
    for name, (wanted, said) in difference["fields"].items():
        output.print_beside(out.console, Text(), Text(f"{name}: {said!r} instead of {wanted!r}"), _ID_WIDTH)
    if difference["note"]:
        output.print_beside(out.console, Text(), Text(difference["note"], "dim"), _ID_WIDTH)
