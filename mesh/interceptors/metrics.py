"""Counts and times every call."""

import contextlib
import time
from collections.abc import AsyncIterator

from prometheus_client import Counter, Gauge, Histogram

from mesh.interceptors.base import AroundInterceptor, Call
from mesh.interceptors.tracing import _status_code as status_code

CALLS = Counter("voicemesh_grpc_calls", "Calls that ended, by status code", ["method", "code"])
SECONDS = Histogram("voicemesh_grpc_call_seconds", "Length of unary calls", ["method"])
IN_PROGRESS = Gauge("voicemesh_grpc_calls_in_progress", "Calls in progress", ["method"])


class MetricsInterceptor(AroundInterceptor):
    """Keeps the three metrics; lengths of streams say nothing, so only unary calls are timed."""

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Count the call while it lasts and when it ends."""
        began = time.perf_counter()
        IN_PROGRESS.labels(call.method).inc()
        try:
            yield
        finally:
            IN_PROGRESS.labels(call.method).dec()
            CALLS.labels(call.method, str(status_code(call))).inc()
            if not call.streaming:
                SECONDS.labels(call.method).observe(time.perf_counter() - began)
