"""Refuses messages that are none, or that break the rules on their fields, before a handler sees them.

The innermost interceptor: it also drives the handlers that are generators, so that a stream's generator is
closed in its own task whatever ends the call, and ends streams whose client does not read.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.base import maybe_await, rewrap
from mesh.validation import validate


class Malformed:
    """Stands for a message that could not be decoded."""


def _tolerant(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    # gRPC itself answers an undecodable message with INTERNAL and no reason.
    if deserialize is None:
        return None

    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Malformed()

    return decode


def _check(message: Any, method: str) -> None:
    if isinstance(message, Malformed):
        raise MeshError(
            ErrorReason.ERROR_REASON_MALFORMED_MESSAGE,
            f"a message to {method} is not of its type: all texts must be UTF-8 and the encoding protobuf",
            metadata={"message_type": method},
        )
    if isinstance(message, Message):
        validate(message)


class ValidationInterceptor(grpc.aio.ServerInterceptor):
    """Checks requests, drives generators, ends stalled streams."""

    def __init__(self, stall_limit_s: float) -> None:
        self._stall_limit_s = stall_limit_s

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Wrap the call's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method

        async def checked(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for request in requests:
                _check(request, method)
                yield request

        def wrap(behavior: Callable[[Any, Any], Any]) -> Any:
            async def wrapped(request: Any, context: Any) -> Any:
                if handler.request_streaming:
                    request = checked(request)
                else:
                    _check(request, method)
                if not handler.response_streaming:
                    return await maybe_await(behavior(request, context))
                return await self._stream(behavior(request, context), context)

            return wrapped

        return rewrap(handler, wrap, deserializer=_tolerant(handler.request_deserializer))

    async def _stream(self, responses: Any, context: Any) -> None:
        if not hasattr(responses, "__aiter__"):
            await maybe_await(responses)
            return
        async with contextlib.aclosing(responses):
            async for response in responses:
                await self._write(context, response)

    async def _write(self, context: Any, response: Any) -> None:
        try:
            async with asyncio.timeout(self._stall_limit_s):
                await context.write(response)
        except TimeoutError:
            raise MeshError(
                ErrorReason.ERROR_REASON_SLOW_CONSUMER,
                f"responses were left unread for {self._stall_limit_s:g} s; read the stream while sending",
                metadata={"limit_s": f"{self._stall_limit_s:g}"},
            ) from None
