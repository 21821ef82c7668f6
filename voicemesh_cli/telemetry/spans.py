"""Spans and traces as plain data."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Span:
    """A span: ids as lower-case hex (`parent_id` empty at the root), times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    start_ns: int
    end_ns: int
    failed: bool = False
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class Trace:
    """The spans of one trace, in any order."""

    spans: tuple[Span, ...]

    @cached_property
    def services(self) -> frozenset[str]:
        """The services that have a span in it."""
        return frozenset(span.service for span in self.spans)

    @cached_property
    def tops(self) -> tuple[Span, ...]:
        """The spans without a parent in the trace, the earliest first: one, where the trace is connected."""
        known = {span.span_id for span in self.spans}
        return _by_start([span for span in self.spans if span.parent_id not in known])

    @cached_property
    def connected(self) -> bool:
        """Whether every span descends from one root that has no parent."""
        return len(self.tops) == 1 and not self.tops[0].parent_id

    def children(self, span_id: str) -> tuple[Span, ...]:
        """The spans below a span, the earliest first."""
        return self._children.get(span_id, ())

    @cached_property
    def _children(self) -> dict[str, tuple[Span, ...]]:
        below = defaultdict(list)
        for span in self.spans:
            below[span.parent_id].append(span)
        return {parent: _by_start(spans) for parent, spans in below.items()}


def new_traceparent() -> tuple[str, str, str]:
    """A new sampled trace: (trace id, span id, the `traceparent` header of W3C Trace Context level 1)."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, f"00-{trace_id}-{span_id}-01"


def _by_start(spans: list[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.start_ns, -span.end_ns, span.span_id)))
