"""The gRPC face of the CRM gateway: proto to domain and back, nothing else."""

import contextlib
import re
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from voicemesh.crm.v1 import crm_pb2
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceServicer

from mesh.contexts import StreamContext
from mesh.durations import seconds
from mesh.errors import ErrorReason, MeshError, protocol_violation
from mesh.streams import Send, respond
from services.crm_gateway import wire
from services.crm_gateway.handlers import Gateway
from services.crm_gateway.hub import Hub
from services.crm_gateway.model import CallerContext, ContactKey, Scope
from services.crm_gateway.session import CallSession, Felt, Learned, Wanted

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")


class CrmServicer(CrmServiceServicer):
    """Implements voicemesh.crm.v1.CrmService."""

    def __init__(self, gateway: Gateway, hub: Hub) -> None:
        self._gateway = gateway
        self._hub = hub

    async def CallSession(
        self, request_iterator: AsyncIterator[pb.CallSessionRequest], _: Context
    ) -> AsyncIterator[pb.CallSessionResponse]:
        """Accompany a call."""

        async def run(send: Send[pb.CallSessionResponse]) -> None:
            await self._accompany(request_iterator, send)

        async with contextlib.aclosing(respond(run)) as responses:
            async for response in responses:
                yield response

    async def _accompany(
        self, requests: AsyncIterator[pb.CallSessionRequest], send: Send[pb.CallSessionResponse]
    ) -> None:
        first = await anext(requests, None)
        if first is None:
            raise _vanished()
        if not first.HasField("start"):
            raise protocol_violation("start", str(first.WhichOneof("request")))
        numbers = count()
        place: list[Duration] = []

        async def tell(context: CallerContext) -> None:
            response = pb.CallSessionResponse(sequence=next(numbers), caller_context=self._shown(scope, context))
            if place:
                response.audio_offset.CopyFrom(place[0])
            await send(response)

        scope, key = wire.scope(first.start.context), wire.key(first.start.contact)
        session = CallSession(scope, key, self._gateway.contexts, self._hub, tell)
        await session.run(_learned(requests, first.start, place))

    def _shown(self, scope: Scope, context: CallerContext) -> crm_pb2.CallerContext:
        calls = self._hub.live(scope.tenant_id, context.contact.contact_id) if context.contact else ()
        return wire.caller_context_pb(context, calls)

    async def LookupContact(self, request: pb.LookupContactRequest, _: Context) -> pb.LookupContactResponse:
        """Find a contact."""
        key = wire.key(request.contact)
        assert key is not None, "the oneof is required"
        scope = wire.scope(request.context)
        context = await self._gateway.lookup(scope, key)
        return pb.LookupContactResponse(caller_context=self._shown(scope, context))

    async def UpsertContact(self, request: pb.UpsertContactRequest, _: Context) -> pb.UpsertContactResponse:
        """Make or change a contact."""
        contact, created = await self._gateway.upsert(wire.scope(request.context), wire.contact(request.contact))
        return pb.UpsertContactResponse(contact=wire.contact_pb(contact), created=created)

    async def ListRecords(self, request: pb.ListRecordsRequest, _: Context) -> pb.ListRecordsResponse:
        """List a page of records."""
        page, token = await self._gateway.records(
            wire.scope(request.context),
            kind=request.kind,
            session_id=request.session_id,
            contact_id=request.contact_id,
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListRecordsResponse(records=[wire.record_pb(record) for record in page], next_page_token=token)


async def _learned(
    requests: AsyncIterator[pb.CallSessionRequest], start: pb.CallSessionStart, place: list[Duration]
) -> AsyncIterator[Learned | Wanted | Felt]:
    """Yield what was learned of the caller, until the call ends; keep `place` at the last fact that has one.

    Raises:
        MeshError: CONNECTION_DROPPED when the stream ends without `end`; PROTOCOL_VIOLATION for another `start` that
            changes what cannot change.
    """
    whose = StreamContext()
    whose.take(start.context)
    async for request in requests:
        match request.WhichOneof("request"):
            case "fact":
                if request.fact.HasField("audio_offset"):
                    place[:] = [request.fact.audio_offset]
                learned = _learned_from(request.fact)
                if learned is not None:
                    yield learned
            case "start":
                # What may change of it, the language and the time zone, no caller's context depends on.
                whose.take(request.start.context)
                if request.start.HasField("contact") and request.start.contact != start.contact:
                    raise protocol_violation("fact with `identified`", "start with another contact")
            case _:
                return
    raise _vanished()


def _learned_from(fact: crm_pb2.CallFact) -> Learned | Wanted | Felt | None:
    at_s = seconds(fact.audio_offset) if fact.HasField("audio_offset") else None
    match fact.WhichOneof("fact"):
        case "identified":
            key = wire.key(fact.identified)
            return Learned(key, certain=True) if key else None
        case "slot" if fact.slot.type == "phone" and _E164.fullmatch(fact.slot.value):
            return Learned(ContactKey("phone", fact.slot.value), certain=False)
        case "intent":
            return Wanted(fact.intent.name, wire.known(fact.intent, "confidence"), at_s)
        case "sentiment":
            return Felt(fact.sentiment.score, wire.known(fact.sentiment, "confidence"), at_s)
        case _:
            return None


def _vanished() -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
        "the stream ended without CallSessionEnd; open another one to go on",
    )
