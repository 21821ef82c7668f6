"""One Converse stream: the place where a session meets the network."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc

from voicemesh_client.errors import SessionClosedError, VoicemeshError, from_rpc_error
from voicemesh_client.queues import ClosableQueue, Closed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse
    from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceAsyncStub

# grpc.aio loses the status of a stream that ends while a write is on its way. Between writes that follow each
# other at once, this pause lets a refusal arrive before the next one; speech in real time never waits here.
_PAUSE_BETWEEN_WRITES_S = 0.001
_ABORT_LIMIT_S = 1.0


class Connection:
    """A stream to the mesh with a bounded outbox of `capacity` messages.

    When the outbox is full, because the mesh takes messages more slowly than the application has them, `send`
    waits and `offer` says no.
    """

    def __init__(self, stub: DialogueServiceAsyncStub, metadata: Sequence[tuple[str, str]], *, capacity: int) -> None:
        self._outbox: ClosableQueue[ConverseRequest] = ClosableQueue(capacity)
        self._error: VoicemeshError | None = None
        self._writing = False
        self._written = asyncio.Event()
        self._call = stub.Converse(self._requests(), metadata=tuple(metadata))

    async def send(self, request: ConverseRequest) -> None:
        """Sends a message, waiting while the outbox is full.

        Raises SessionClosedError once the stream is over, or the error that ended it.
        """
        try:
            await self._outbox.put(request)
        except Closed:
            raise self._over() from self._error

    async def offer(self, request: ConverseRequest) -> bool:
        """Sends a message unless the outbox is full, and says whether. Raises as `send` does."""
        try:
            return await self._outbox.offer(request)
        except Closed:
            raise self._over() from self._error

    async def responses(self) -> AsyncIterator[ConverseResponse]:
        """The messages of the mesh until it ends the stream. Raises VoicemeshError when it ends in error."""
        try:
            async for response in self._call:
                yield response
        except grpc.aio.AioRpcError as error:
            self._error = from_rpc_error(error)
            raise self._error from error
        finally:
            await self._outbox.close()

    async def finish(self) -> None:
        """Sends nothing more once the outbox is empty: the client's half of the stream is closed."""
        await self._outbox.close()

    async def abort(self) -> None:
        """Ends the stream at once and waits until nothing of it runs any more."""
        self._call.cancel()
        await self._outbox.close()
        if self._writing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._written.wait(), _ABORT_LIMIT_S)

    def _over(self) -> VoicemeshError:
        return self._error or SessionClosedError()

    async def _requests(self) -> AsyncIterator[ConverseRequest]:
        """What gRPC sends: the outbox until it is closed and empty."""
        self._writing = True
        try:
            while True:
                yield await self._outbox.get()
                if len(self._outbox):
                    await asyncio.sleep(_PAUSE_BETWEEN_WRITES_S)
        except Closed:
            return
        finally:
            self._written.set()
