"""One Converse stream: the place where a session meets the network."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

from voicemesh_client.errors import ConnectionDroppedError, ServiceError, from_rpc_error
from voicemesh_client.queues import Closed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse

    from voicemesh_client.outgoing import Feed

# grpc.aio loses the status of a stream that ends while a write is on its way. Between writes that follow each
# other at once, this pause lets a refusal arrive before the next one; speech in real time never waits here.
_PAUSE_BETWEEN_WRITES_S = 0.001
_ABORT_LIMIT_S = 1.0


class Connection:
    """A stream to an instance of the mesh: its first message, then what it is fed.

    `address` is where it leads. With `owned`, the channel is closed with the stream.
    """

    def __init__(
        self,
        address: str,
        channel: grpc.aio.Channel,
        first: ConverseRequest,
        *,
        metadata: Sequence[tuple[str, str]] = (),
        owned: bool = False,
    ) -> None:
        self.address = address
        self._channel = channel if owned else None
        self._first = first
        self._feed: Feed | None = None
        self._fed = asyncio.Event()
        self._in_haste = 0
        self._writing = False
        self._written = asyncio.Event()
        self._call = DialogueServiceStub(channel).Converse(self._requests(), metadata=tuple(metadata))
        self._responses = aiter(self._call)

    async def answer(self, limit_s: float) -> ConverseResponse:
        """The mesh's first message, which says that the session lives.

        Raises VoicemeshError when the mesh refuses or says something else, TimeoutError after `limit_s`.
        """
        async with asyncio.timeout(limit_s):
            response = await self._next()
        if response is None:
            raise ConnectionDroppedError("CONNECTION_DROPPED", "the mesh ended the stream without a word")
        if response.WhichOneof("response") != "started":
            text = f"the mesh began with {response.WhichOneof('response')} instead of SessionStarted"
            raise ServiceError("PROTOCOL_VIOLATION", text)
        return response

    def begin(self, feed: Feed, *, in_haste: int = 0) -> None:
        """Sends from now on what comes out of `feed`, the first `in_haste` messages without a pause."""
        self._feed = feed
        self._in_haste = in_haste
        self._fed.set()

    async def responses(self) -> AsyncIterator[ConverseResponse]:
        """The messages of the mesh until it ends the stream. Raises VoicemeshError when it ends in error."""
        while (response := await self._next()) is not None:
            yield response

    async def abort(self) -> None:
        """Ends the stream at once and waits until nothing of it runs any more."""
        self._call.cancel()
        self._fed.set()
        if self._feed is not None:
            self._feed.end()
        if self._writing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._written.wait(), _ABORT_LIMIT_S)
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _next(self) -> ConverseResponse | None:
        try:
            return await anext(self._responses, None)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def _requests(self) -> AsyncIterator[ConverseRequest]:
        """What gRPC sends: the first message, then the feed until it ends."""
        self._writing = True
        try:
            yield self._first
            await self._fed.wait()
            while self._feed is not None:
                yield await self._feed.get()
                if self._in_haste > 0:
                    self._in_haste -= 1
                elif self._feed.waiting:
                    await asyncio.sleep(_PAUSE_BETWEEN_WRITES_S)
        except Closed:
            return
        finally:
            self._written.set()
