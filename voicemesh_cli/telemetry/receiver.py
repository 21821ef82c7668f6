"""A small OTLP/gRPC trace receiver: what a collector would get, kept in memory by trace."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from voicemesh_cli.telemetry.spans import Span, Trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

MAX_TRACES = 512
MAX_SPANS_PER_TRACE = 20_000


class SpanReceiver:
    """The spans that arrived, by trace id.

    Bounded: beyond MAX_TRACES the trace that is longest without a new span is forgotten; spans beyond
    MAX_SPANS_PER_TRACE of a trace are counted in `dropped` and not kept.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.dropped = 0
        self._traces: OrderedDict[str, dict[str, Span]] = OrderedDict()

    def add(self, span: Span) -> None:
        """Take in a span; a span that arrives twice is kept once."""
        spans = self._traces.setdefault(span.trace_id, {})
        self._traces.move_to_end(span.trace_id)
        if len(spans) >= MAX_SPANS_PER_TRACE:
            self.dropped += 1
            return
        spans[span.span_id] = span
        if len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)

    def trace(self, trace_id: str) -> Trace:
        """What arrived of a trace; without spans where nothing did."""
        return Trace(tuple(self._traces.get(trace_id, {}).values()))


class _TraceService(trace_service_pb2_grpc.TraceServiceServicer):
    """opentelemetry.proto.collector.trace.v1.TraceService."""

    def __init__(self, spans: SpanReceiver) -> None:
        self._spans = spans

    async def Export(  # noqa: N802 - the name of the RPC
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource_spans in request.resource_spans:
            service = str(_attributes(resource_spans.resource.attributes).get("service.name", "unknown"))
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    self._spans.add(_span(span, service))
        return trace_service_pb2.ExportTraceServiceResponse()


@contextlib.asynccontextmanager
async def receiver(listen: str = "127.0.0.1:0") -> AsyncIterator[SpanReceiver]:
    """Receive spans for the length of the block; `endpoint` is what VOICEMESH_OTLP_ENDPOINT wants."""
    spans = SpanReceiver()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]
        _TraceService(spans), server
    )
    port = server.add_insecure_port(listen)
    spans.endpoint = f"http://{listen.rpartition(':')[0]}:{port}"
    await server.start()
    try:
        yield spans
    finally:
        await server.stop(grace=1.0)


def _span(span: trace_pb2.Span, service: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, str | int | float | bool]:
    """The attributes with a plain value; lists and maps are left out."""
    values = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in {"string_value", "int_value", "double_value", "bool_value"}:
            values[pair.key] = getattr(pair.value, kind)
    return values
