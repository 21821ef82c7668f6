"""A SERVER span around every call, child of the caller's span.

opentelemetry-instrumentation-grpc traces our outgoing calls; its server side leaves an interrupted stream's
generator to the garbage collector and then detaches a context in another task, so this side is our own.
"""

import contextlib
from collections.abc import AsyncIterator

import grpc
from opentelemetry.trace import SpanKind, Status, StatusCode

from mesh import telemetry
from mesh.interceptors.base import AroundInterceptor, Call

_tracer = telemetry.tracer(__name__)
_QUIET = ("grpc.health.", "grpc.reflection.", "grpc.channelz.")


class TracingInterceptor(AroundInterceptor):
    """Makes the span; health checks and the like are left out."""

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Open the span, note the status code the call ended with."""
        if call.service.startswith(_QUIET):
            yield
            return
        with _tracer.start_as_current_span(
            call.method.strip("/"),
            context=telemetry.extract(call.metadata),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": call.service, "rpc.method": call.name},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                code = _status_code(call)
                span.set_attribute("rpc.grpc.status_code", code)
                if code not in {0, 1}:
                    span.set_status(Status(StatusCode.ERROR, call.context.details() or ""))


def _status_code(call: Call) -> int:
    code = call.context.code()
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    return int(code or 0)
