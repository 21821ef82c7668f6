"""One trace as a waterfall: a tree of spans, each with its bar on one time axis.

Spans of the same name under one parent share a row where that keeps the picture short; a turn never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicemesh_cli.telemetry.spans import Span, Trace

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
MAX_ROWS = 56
_SERVICE_WIDTH, _NAME_WIDTH, _DURATION_WIDTH = 12, 36, 13
_MIN_BAR_WIDTH = 20
# From the gentlest to the harshest: (spans of one name from which on they share a row, deepest level shown).
_COLLAPSING = ((3, 9), (2, 7), (2, 6), (2, 5), (2, 4), (2, 3), (2, 2))


@dataclass(frozen=True)
class Row:
    """A line of the picture: one span, or several of the same name under the same parent."""

    spans: tuple[Span, ...]
    depth: int

    @property
    def label(self) -> str:
        """The span's name with its number, where there are several."""
        name = self.spans[0].name.rsplit("/", 1)[-1]
        return name if len(self.spans) == 1 else f"{name} x{len(self.spans)}"

    @property
    def duration(self) -> str:
        """The length, or the whole of the lengths."""
        seconds = sum(span.duration_s for span in self.spans)
        text = f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
        return text if len(self.spans) == 1 else f"sum {text}"


def rows(trace: Trace, max_rows: int = MAX_ROWS) -> list[Row]:
    """The lines of the picture, at most `max_rows` where collapsing can reach that."""
    found: list[Row] = []
    for share_from, max_depth in _COLLAPSING:
        found = list(_walk(trace, trace.tops, 0, share_from, max_depth))
        if len(found) <= max_rows:
            break
    return found


def waterfall(trace: Trace, width: int = 110, max_rows: int = MAX_ROWS) -> Table:
    """The picture of a trace, `width` characters wide; an empty table for a trace without spans."""
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, width=width)
    bar_width = max(_MIN_BAR_WIDTH, width - _SERVICE_WIDTH - _NAME_WIDTH - _DURATION_WIDTH - 4)
    table.add_column("service", width=_SERVICE_WIDTH, no_wrap=True, overflow="ellipsis")
    table.add_column("span", width=_NAME_WIDTH, no_wrap=True, overflow="ellipsis")
    table.add_column(_ruler(trace, bar_width), width=bar_width, no_wrap=True)
    table.add_column("time", width=_DURATION_WIDTH, justify="right", no_wrap=True)
    if not trace.spans:
        return table
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(sorted(trace.services))}
    axis = _Axis(trace.spans, bar_width)
    for row in rows(trace, max_rows):
        first = row.spans[0]
        colour = "bold red" if any(span.failed for span in row.spans) else colours[first.service]
        label = Text("  " * row.depth + row.label, style="bold" if _is_turn(first) else "")
        table.add_row(Text(first.service, style=colour), label, Text(axis.bar(row.spans), style=colour), row.duration)
    return table


def _walk(trace: Trace, siblings: Sequence[Span], depth: int, share_from: int, max_depth: int) -> Iterator[Row]:
    """The rows of spans under one parent and of all below them, in the order of their beginnings."""
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in siblings:
        groups.setdefault((span.service, span.name), []).append(span)
    shown: list[tuple[Span, ...]] = []
    for spans in groups.values():
        alone = len(spans) < share_from or _is_turn(spans[0])
        shown.extend([(span,) for span in spans] if alone else [tuple(spans)])
    for spans_of_row in sorted(shown, key=lambda of_row: of_row[0].start_ns):
        yield Row(spans_of_row, depth)
        if depth < max_depth:
            below = [child for span in spans_of_row for child in trace.children(span.span_id)]
            yield from _walk(trace, below, depth + 1, share_from, max_depth)


def _is_turn(span: Span) -> bool:
    return "turn" in span.name.rsplit("/", 1)[-1].lower()


class _Axis:
    """Maps time to columns of a bar that is `width` characters wide."""

    def __init__(self, spans: Sequence[Span], width: int) -> None:
        self._start = min(span.start_ns for span in spans)
        self._length = max(1, max(span.end_ns for span in spans) - self._start)
        self._width = width

    def bar(self, spans: Sequence[Span]) -> str:
        """A line with a bar for each of the spans, one character at least."""
        cells = [" "] * self._width
        for span in spans:
            first = min(self._column(span.start_ns), self._width - 1)
            last = max(first + 1, self._column(span.end_ns))
            cells[first:last] = "━" * (last - first) if last - first > 1 else "╸"
        return "".join(cells)

    def _column(self, time_ns: int) -> int:
        return round((time_ns - self._start) * self._width / self._length)


def _ruler(trace: Trace, width: int) -> Text:
    """The axis's ends: 0 and the length of the trace."""
    if not trace.spans:
        return Text()
    start = min(span.start_ns for span in trace.spans)
    end = f"{(max(span.end_ns for span in trace.spans) - start) / 1e9:.1f} s"
    return Text("0" + end.rjust(width - 1))
