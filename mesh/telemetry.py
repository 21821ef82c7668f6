"""Traces by OpenTelemetry, exported by OTLP where an endpoint is set; metrics by prometheus_client."""

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
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


def trace_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of the headers that carry a trace context, to be kept until it goes on."""
    return {name: headers[name] for name in propagate.get_global_textmap().fields if name in headers}


@contextlib.contextmanager
def continuing(headers: Mapping[str, str]) -> Iterator[None]:
    """Let spans and events within the block belong to the trace that headers carry."""
    token = attach(extract(headers))
    try:
        yield
    finally:
        detach(token)


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
