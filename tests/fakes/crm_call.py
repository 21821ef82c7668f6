"""The dialogue's end of a call's stream to the CRM gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from fakes.crm_world import a_request
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import CallerContext, CallFact, ContactKey
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub


class Call:
    """The dialogue's end of a stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._sequence = 0

    async def say(self, **request: Any) -> None:
        """Send a message."""
        await self._stream.write(pb.CallSessionRequest(**request))

    async def learn(self, **fact: Any) -> None:
        """Send a fact."""
        await self.say(fact=CallFact(**fact))

    async def context(self) -> CallerContext:
        """Give the next context."""
        return (await self.response()).caller_context

    async def response(self) -> pb.CallSessionResponse:
        """Give the next message."""
        response = await asyncio.wait_for(self._stream.read(), 20)
        assert response is not grpc.aio.EOF, await self._stream.code()
        assert response.sequence == self._sequence
        self._sequence += 1
        return response

    async def end(self) -> list[CallerContext]:
        """End it and give what still came."""
        await self.say(end=pb.CallSessionEnd())
        rest = []
        while (response := await asyncio.wait_for(self._stream.read(), 20)) is not grpc.aio.EOF:
            rest.append(response.caller_context)
        assert await self._stream.code() is grpc.StatusCode.OK
        return rest


@contextlib.asynccontextmanager
async def call(stub: CrmServiceStub, tenant_id: str = "clinic", **contact: str) -> AsyncIterator[Call]:
    """Open a stream; a name of the caller may be given."""
    stream = stub.CallSession(timeout=60)
    session = Call(stream)
    key = ContactKey(**contact) if contact else None
    await session.say(start=pb.CallSessionStart(context=a_request(tenant_id, "s1"), contact=key))
    try:
        yield session
    finally:
        stream.cancel()
