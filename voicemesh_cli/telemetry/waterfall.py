"""One trace as a waterfall: a tree of spans, each with its bar on one time axis.

Spans of one kind under one parent share a row where that keeps the picture short; a turn never does.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicemesh_cli.telemetry.spans import Span, Trace

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
MAX_ROWS = 60
_SERVICE_WIDTH, _NAME_WIDTH, _DURATION_WIDTH = 12, 36, 13
_MIN_BAR_WIDTH = 20
_TURNS_SHARE = 0.7
_TURN_NAMES = ("turn", "dialogue.turn")
# From the gentlest to the harshest: (spans of one name from which on they share a row, deepest level shown).
_COLLAPSING = ((3, 9), (2, 9), (2, 7), (2, 6), (2, 5), (2, 4), (2, 3), (2, 2))


@dataclass(frozen=True)
class Row:
    """A line of the picture: one span, or several of one kind under the same parent."""

    spans: tuple[Span, ...]
    depth: int

    @property
    def label(self) -> str:
        """The span's name; of several their number too."""
        names = dict.fromkeys(_name(span) for span in self.spans)
        # "publish A" and "publish B" are "publish x2".
        name = next(iter(names)) if len(names) == 1 else _kind(self.spans[0])
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
    axis = _Axis(trace.spans, bar_width) if trace.spans else None
    table.add_column(axis.ruler() if axis else "", width=bar_width, no_wrap=True)
    table.add_column("time", width=_DURATION_WIDTH, justify="right", no_wrap=True)
    if axis is None:
        return table
    if axis.stretched:
        table.caption = "one axis for all, stretched where a turn is answered"
        table.caption_justify = "left"
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(sorted(trace.services))}
    for row in rows(trace, max_rows):
        first = row.spans[0]
        colour = "bold red" if any(span.failed for span in row.spans) else colours[first.service]
        label = Text("  " * row.depth + row.label, style="bold" if _is_turn(first) else "")
        table.add_row(Text(first.service, style=colour), label, Text(axis.bar(row.spans), style=colour), row.duration)
    return table


def _walk(trace: Trace, siblings: Sequence[Span], depth: int, share_from: int, max_depth: int) -> Iterator[Row]:
    """The rows of spans under one parent and of all below them, in the order of their beginnings."""
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in (_far_side(trace, span) for span in siblings):
        groups.setdefault((span.service, _kind(span)), []).append(span)
    shown: list[tuple[Span, ...]] = []
    for spans in groups.values():
        alone = len(spans) < share_from or _is_turn(spans[0])
        shown.extend([(span,) for span in spans] if alone else [tuple(spans)])
    for spans_of_row in sorted(shown, key=lambda of_row: of_row[0].start_ns):
        yield Row(spans_of_row, depth)
        if depth < max_depth:
            below = [child for span in spans_of_row for child in trace.children(span.span_id)]
            yield from _walk(trace, below, depth + 1, share_from, max_depth)


class _Axis:
    """Maps time to columns of a bar that is `width` characters wide.

    A call is mostly the caller speaking; what one wants to see happens in the fraction of a second behind it. So
    the axis is stretched where a turn is answered: those stretches share _TURNS_SHARE of the width, unless they
    fill as much of the time anyway.
    """

    def __init__(self, spans: Sequence[Span], width: int) -> None:
        self._width = width
        start, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
        self.turns = _merged([(span.start_ns, span.end_ns) for span in spans if _name(span) in _TURN_NAMES])
        in_turns = sum(turn_end - turn_start for turn_start, turn_end in self.turns)
        outside = max(1, end - start) - in_turns
        self.stretched = 0 < in_turns < _TURNS_SHARE * (end - start)
        share = _TURNS_SHARE if self.stretched else in_turns / (in_turns + outside)
        # Knots of a piecewise linear map: (time, column).
        self._knots = [(float(start), 0.0)]
        for turn_start, turn_end in self.turns:
            self._knot(turn_start, (1 - share) / outside)
            self._knot(turn_end, share / in_turns if in_turns else 0.0)
        self._knot(end, (1 - share) / outside)

    def _knot(self, time_ns: int, share_per_ns: float) -> None:
        before, column = self._knots[-1]
        self._knots.append((float(time_ns), column + (time_ns - before) * share_per_ns * self._width))

    def bar(self, spans: Sequence[Span]) -> str:
        """A line with a bar for each of the spans, one character at least."""
        cells = [" "] * self._width
        for span in spans:
            first = min(self.column(span.start_ns), self._width - 1)
            last = max(first + 1, self.column(span.end_ns))
            cells[first:last] = "━" * (last - first) if last - first > 1 else "╸"
        return "".join(cells)

    def ruler(self) -> str:
        """Seconds since the beginning, where the axis and its turns begin and at the axis's end."""
        start, end = self._knots[0][0], self._knots[-1][0]
        last = f"{(end - start) / 1e9:.1f} s"
        line = "0"
        for turn_start, _ in self.turns:
            mark, column = f"{(turn_start - start) / 1e9:.1f}", self.column(turn_start)
            if len(line) < column and column + len(mark) < self._width - len(last):
                line = line.ljust(column) + mark
        return line.ljust(self._width - len(last)) + last

    def column(self, time_ns: int) -> int:
        """The column of a moment."""
        times = [time for time, _ in self._knots]
        place = min(max(bisect.bisect_right(times, time_ns), 1), len(times) - 1)
        (before, first), (after, last) = self._knots[place - 1], self._knots[place]
        part = (time_ns - before) / (after - before) if after > before else 0.0
        return round(first + part * (last - first))


def _merged(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The intervals in order, those that touch made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _name(span: Span) -> str:
    """The span's name; of an RPC the method alone."""
    return span.name.rsplit("/", 1)[-1]


def _far_side(trace: Trace, span: Span) -> Span:
    """Of an RPC that a client and a server have a span of, the server's: one row says it all."""
    below = trace.children(span.span_id)
    same = len(below) == 1 and below[0].name == span.name and below[0].service != span.service
    return below[0] if same and not span.failed else span


def _kind(span: Span) -> str:
    """What spans that may share a row have in common: the name, of "publish X" and its like the verb."""
    return _name(span).split(" ", 1)[0]


def _is_turn(span: Span) -> bool:
    return "turn" in _name(span).lower()
