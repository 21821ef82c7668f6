"""Calling another service over a bidirectional stream.

The span and the deadline are made here rather than by interceptors: an intercepted grpc.aio stream passes each
message through a queue of its own, and the tracing interceptor's generator is closed by the garbage collector.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Generic, TypeVar

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from mesh import telemetry
from mesh.deadline import remaining_s
from mesh.errors import ErrorReason, MeshError, from_rpc_error

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

_tracer = telemetry.tracer(__name__)
_CLOSE_WITHIN_S = 1.0


class Duplex(Generic[RequestT, ResponseT]):
    """A stream in both directions. Made by `duplex(...)`. One task may send while another reads."""

    def __init__(self, call: Any, dependency: str) -> None:
        self._call = call
        self._dependency = dependency
        self._sending = asyncio.Lock()
        self._finished = False
        self._failed = False
        self._read: asyncio.Task[Any] | None = None
        # As many as there are senders: each waits for its own.
        self._writes: set[asyncio.Task[None]] = set()

    async def send(self, request: RequestT) -> None:
        """Send one message; waits while the other side reads slowly.

        Raises:
            MeshError: what the other side ended the stream with, or DEPENDENCY_UNAVAILABLE.
            RuntimeError: after `finish`.
        """
        if self._finished:
            raise RuntimeError(f"nothing can be sent to {self._dependency} after the stream's end")
        await self._send(request)

    async def _send(self, request: RequestT) -> None:
        # A sender that is cancelled must not cancel the call, as grpc.aio's own write would.
        writing = asyncio.get_running_loop().create_task(self._write(request))
        self._writes.add(writing)
        writing.add_done_callback(self._writes.discard)
        writing.add_done_callback(_note_exception)
        await asyncio.shield(writing)

    async def _write(self, request: RequestT) -> None:
        async with self._sending:
            try:
                await self._call.write(request)
            except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
                # A write on a dead stream does not say what ended it; its status does.
                self._failed = True
                raise from_rpc_error(await self._status(), self._dependency) from None

    async def finish(self, end: RequestT) -> None:
        """Send the explicit end; responses still come."""
        if not self._finished:
            self._finished = True
            await self._send(end)
            await self._call.done_writing()

    async def responses(self) -> AsyncGenerator[ResponseT, None]:
        """Yield responses until the other side has answered `finish` with its own end.

        Raises:
            MeshError: what the other side ended the stream with, or DEPENDENCY_UNAVAILABLE; the latter too when it
                ended the stream, however politely, before it was told to: whoever waits for it must not wait for ever.
        """
        try:
            while (response := await self._next()) is not grpc.aio.EOF:
                yield response
        except grpc.aio.AioRpcError as error:
            self._failed = True
            raise from_rpc_error(error, self._dependency) from error
        if not self._finished:
            self._failed = True
            raise MeshError(
                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                f"{self._dependency} ended its stream in mid-call; try again",
                metadata={"dependency": self._dependency},
            )

    async def close(self, end: RequestT) -> None:
        """Send the explicit end if it was not sent, give the other side a second to finish, then cancel."""
        try:
            await self._end_politely(end)
        finally:
            # Whatever cut the politeness short - a second cancellation, say - the call must not outlive its owner.
            self._call.cancel()
        left = [*self._writes, *([self._read] if self._read is not None else [])]
        if left:
            await asyncio.wait(left)

    async def _end_politely(self, end: RequestT) -> None:
        if not self._failed:
            # What goes wrong now hurts nobody: what was said over the stream is said, its status is in the span.
            with contextlib.suppress(MeshError, grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError):
                async with asyncio.timeout(_CLOSE_WITHIN_S):
                    await self.finish(end)
                    while await self._next() is not grpc.aio.EOF:
                        pass

    async def _next(self) -> Any:
        # A reader that is cancelled must not cancel the call, as grpc.aio's own read would: the end is still to be
        # said, and what is pending to be read.
        if self._read is None:
            self._read = asyncio.get_running_loop().create_task(self._call.read())
            self._read.add_done_callback(_note_exception)
        response = await asyncio.shield(self._read)
        self._read = None
        return response

    async def _status(self) -> grpc.aio.AioRpcError:
        return grpc.aio.AioRpcError(
            await self._call.code(),
            await self._call.initial_metadata(),
            await self._call.trailing_metadata(),
            details=await self._call.details(),
        )


def _note_exception(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # raised where the task is awaited, if anybody still does


@contextlib.asynccontextmanager
async def duplex(method: Any, dependency: str, *, name: str, end: RequestT) -> AsyncIterator[Duplex[RequestT, Any]]:
    """Open a stream, with a CLIENT span and what is left of the incoming deadline.

    On leaving, the explicit `end` is sent if it was not, and the other side has a second to finish.

    Args:
        method: a stream-stream method of an async stub.
        dependency: the other service's name, for errors.
        name: the method's full name, for the span.
        end: the message that ends the stream.
    """
    span = _tracer.start_span(name, kind=SpanKind.CLIENT, attributes={"rpc.system": "grpc"})
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        metadata = tuple(telemetry.inject().items())
    call = method(metadata=metadata, timeout=remaining_s())
    stream: Duplex[RequestT, Any] = Duplex(call, dependency)
    try:
        yield stream
    finally:
        try:
            await stream.close(end)
            code = await call.code()
            span.set_attribute("rpc.grpc.status_code", code.value[0])
            if code not in {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}:
                span.set_status(Status(StatusCode.ERROR, await call.details()))
        finally:
            span.end()
