"""Turns errors into statuses: the only place that ends a call with one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
from opentelemetry import trace

from mesh import logs
from mesh.errors import ErrorReason, MeshError, from_rpc_error, name_of
from mesh.interceptors.base import AroundInterceptor, Call

_STATUS_WITHIN_S = 1.0
_log = logs.get_logger(__name__)


class ErrorsInterceptor(AroundInterceptor):
    """Ends a failed call with google.rpc.Status and ErrorInfo; what nobody foresaw is logged and INTERNAL."""

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Translate what the call raises."""
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of the process: nothing may leave untranslated
            mesh_error = to_mesh_error(error)
            if mesh_error.reason == ErrorReason.ERROR_REASON_INTERNAL:
                _log.exception("call.failed", method=call.method)
            else:
                _log.info("call.refused", method=call.method, reason=name_of(mesh_error.reason))
            await _end(call, mesh_error)


async def _end(call: Call, error: MeshError) -> None:
    # The status goes behind what was sent before, and a client that does not read lets nothing through: it is on its
    # way, and the call is over for this side all the same.
    try:
        async with asyncio.timeout(_STATUS_WITHIN_S):
            await call.context.abort_with_status(error.to_status())
    except TimeoutError:
        raise grpc.aio.AbortError(str(error)) from None


def to_mesh_error(error: BaseException) -> MeshError:
    """Return what an error means for the caller; the first of a group speaks for it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, MeshError):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        return from_rpc_error(error)
    trace_id = f"{trace.get_current_span().get_span_context().trace_id:032x}"
    return MeshError(
        ErrorReason.ERROR_REASON_INTERNAL,
        f"the service failed; its log has the cause under trace {trace_id}",
        metadata={"trace_id": trace_id},
    )
