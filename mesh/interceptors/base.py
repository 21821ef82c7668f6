"""The common form of the server interceptors: a context manager around a call."""

import contextlib
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

Behavior = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """One call as an interceptor sees it."""

    method: str
    """Full name, "/package.Service/Method"."""
    metadata: dict[str, str]
    """The caller's headers; binary ones are left out."""
    streaming: bool
    """Whether the response is a stream."""
    context: Any
    """grpc.aio.ServicerContext."""

    @property
    def service(self) -> str:
        """The service's full name."""
        return self.method.strip("/").partition("/")[0]

    @property
    def name(self) -> str:
        """The method's own name."""
        return self.method.rpartition("/")[2]


class AroundInterceptor(grpc.aio.ServerInterceptor):
    """Runs the context manager `around(call)` around each call, unary or streaming."""

    @abstractmethod
    def around(self, call: Call) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the context manager that surrounds the call."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """Wrap the call's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        metadata = {k: v for k, v in handler_call_details.invocation_metadata if isinstance(v, str)}

        def wrap(behavior: Behavior) -> Behavior:
            async def wrapped(request: Any, context: Any) -> Any:
                call = Call(handler_call_details.method, metadata, handler.response_streaming, context)
                async with self.around(call):
                    return await behavior(request, context)

            return wrapped

        return rewrap(handler, wrap)


def rewrap(handler: Any, wrap: Callable[[Any], Behavior], deserializer: Any = None) -> Any:
    """Return an RpcMethodHandler like `handler` whose behavior is wrapped."""
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    behavior = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    return make(
        wrap(behavior),
        request_deserializer=deserializer or handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def maybe_await(value: Any) -> Any:
    """Return `value`, awaited if it wants to be: a servicer may be synchronous."""
    return await value if inspect.isawaitable(value) else value
