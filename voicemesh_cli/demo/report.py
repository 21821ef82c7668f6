"""What is printed behind the call: events, records, the trace, the checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from voicemesh_cli.telemetry import waterfall

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from voicemesh_cli.demo.findings import Findings

_MAX_WIDTH = 140


def print_report(console: Console, findings: Findings) -> None:
    """Print everything that followed from the call."""
    width = min(console.width, _MAX_WIDTH)
    for title, body in (
        ("events on the bus", _events(findings)),
        ("records in the database", _records(findings)),
        (f"one trace, {len(findings.trace.spans)} spans", waterfall(findings.trace, width=width)),
        ("was it all there?", _steps(findings)),
    ):
        console.print()
        console.print(Rule(title, align="left", style="dim"), width=width, soft_wrap=False)
        console.print(body, width=width, soft_wrap=False)
    console.print()
    for name, path in findings.call.files.items():
        console.print(Text(f"{name:<18}", style="dim").append(str(path)))
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in findings.seconds.items())
    console.print(Text(f"{'time':<18}", style="dim").append(spent))


def _events(findings: Findings) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for event in findings.published:
        # The type is a part of the subject.
        subject = Text(event.subject, style="dim", overflow="fold")
        subject.highlight_words([event.type], style="not dim yellow")
        table.add_row(subject, Text(event.event_id, style="dim", overflow="fold"))
    return table if findings.published else Text("none", style="red")


def _records(findings: Findings) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for record in findings.records:
        values = "  ".join(
            f"{name}={value}" for name, value in sorted(record.fields.items()) if value not in {"", record.title}
        )
        body = Text(record.title).append(f"\n{values}", style="dim")
        table.add_row(Text(record.kind, style="bold"), body, Text(record.record_id, style="dim"))
    return table if findings.records else Text("none", style="red")


def _steps(findings: Findings) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for step in findings.steps():
        mark = Text("✓", style="green") if step.passed else Text("✗", style="bold red")
        table.add_row(mark, step.title, Text(step.found, style="dim" if step.passed else "red"))
    return table
