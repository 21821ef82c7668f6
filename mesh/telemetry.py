"""Traces by OpenTelemetry, exported by OTLP where an endpoint is set; metrics by prometheus_client."""

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_EXPORT_EVERY_MS = 500


def tracer(name: str) -> trace.Tracer:
    """Return the tracer of a module."""
    return trace.get_tracer(name)


def inject() -> dict[str, str]:
    """Return the current trace context as headers (`traceparent`); empty outside a trace."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def extract(headers: Mapping[str, str]) -> Context:
    """Return the trace context that headers carry."""
    return propagate.extract(headers)


@contextlib.contextmanager
def exporting(service: str, instance: str, region: str, endpoint: str) -> Iterator[None]:
    """Export the process's spans to `endpoint` (http://host:port) while the context is entered.

    Without an endpoint spans are made but go nowhere. What is pending is flushed on the way out.
    """
    if not endpoint:
        yield
        return
    resource = Resource.create({"service.name": service, "service.instance.id": instance, "voicemesh.region": region})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
