"""The OTLP receiver, fed by the real OpenTelemetry exporter."""

import asyncio

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from voicemesh_cli.telemetry import Span, receiver
from voicemesh_cli.telemetry.receiver import MAX_TRACES, SpanReceiver


def export_a_trace(endpoint: str) -> str:
    """Make a span with a failed child by the SDK; its trace id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "asr"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    tracer = provider.get_tracer("test")
    with (
        tracer.start_as_current_span("outer", attributes={"words": 3, "tags": ["a", "b"]}) as outer,
        tracer.start_as_current_span("inner") as inner,
    ):
        inner.set_status(Status(StatusCode.ERROR))
    provider.shutdown()
    return f"{outer.get_span_context().trace_id:032x}"


async def test_spans_of_the_real_exporter_arrive_as_a_tree() -> None:
    async with receiver() as spans:
        trace_id = await asyncio.to_thread(export_a_trace, spans.endpoint)
        trace = spans.trace(trace_id)
    assert trace.connected
    (outer,) = trace.tops
    (inner,) = trace.children(outer.span_id)
    assert (outer.service, outer.name, outer.failed) == ("asr", "outer", False)
    assert dict(outer.attributes) == {"words": 3}
    assert (inner.name, inner.failed) == ("inner", True)
    assert outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns
    assert outer.duration_s >= inner.duration_s >= 0


def test_the_oldest_trace_is_forgotten_first_and_repeats_count_once() -> None:
    spans = SpanReceiver()
    for number in range(MAX_TRACES + 1):
        for _ in range(2):
            spans.add(Span(f"trace{number}", "a", "", "asr", "x", 0, 1))
    assert spans.trace("trace0").spans == ()
    assert len(spans.trace(f"trace{MAX_TRACES}").spans) == 1
