"""On whose behalf a stream's messages are: what of it may change while the stream lasts."""

from voicemesh.common.v1.context_pb2 import RequestContext

from mesh.errors import ErrorReason, MeshError

_FIXED = ("tenant_id", "region", "correlation_id", "session_id")


class StreamContext:
    """The context of one stream. Each configuration may bring another language and another time zone."""

    def __init__(self) -> None:
        self._first: RequestContext | None = None

    def take(self, context: RequestContext) -> None:
        """Note the first context; compare a later one with it.

        Raises:
            MeshError: PROTOCOL_VIOLATION when a later one is for another tenant, region, correlation id or session:
                one stream is part of one piece of work.
        """
        if self._first is None:
            self._first = context
            return
        for name in _FIXED:
            was, wanted = getattr(self._first, name), getattr(context, name)
            if was != wanted:
                raise MeshError(
                    ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
                    f"context.{name} cannot change within a stream: it is {was!r}, the new configuration says "
                    f"{wanted!r}; open a new stream",
                    metadata={"expected": f"context.{name} {was}", "received": f"context.{name} {wanted}"},
                )
