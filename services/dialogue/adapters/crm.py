"""What the records say of the caller, behind the CRM contract. The voice never waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
from voicemesh.common.v1 import speech_pb2
from voicemesh.crm.v1 import caller_pb2, crm_pb2
from voicemesh.crm.v1.crm_service_pb2 import CallSessionEnd, CallSessionRequest, CallSessionStart
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from mesh import logs
from mesh.calls import duplex
from mesh.durations import to_duration
from mesh.errors import MeshError, name_of
from services.dialogue import metrics, model
from services.dialogue.adapters.protos import request_context
from services.dialogue.model import CallerContext

_log = logs.get_logger(__name__)
_NAME = "voicemesh.crm.v1.CrmService/CallSession"
_END = CallSessionRequest(end=CallSessionEnd())
_FACTS = 32
_STAGE = "INTENT_STAGE_"


class GrpcCrmLink:
    """One session's stream to the CRM gateway.

    Facts wait in a queue of 32; when it is full they are dropped and counted: events tell the whole story later.
    """

    def __init__(self, channel: grpc.aio.Channel, info: model.SessionInfo) -> None:
        self._channel = channel
        self._info = info
        self._facts: asyncio.Queue[crm_pb2.CallFact] = asyncio.Queue(_FACTS)

    async def learned(self, turn_id: str, understanding: model.Understanding, place_s: float) -> None:
        """Tell what was learned of the caller, and where on the audio clock."""
        facts = [
            crm_pb2.CallFact(
                turn_id=turn_id,
                slot=speech_pb2.Slot(name=entity.type, type=entity.type, value=entity.value, raw=entity.raw),
            )
            for entity in understanding.entities
        ]
        if understanding.intent:
            intent = speech_pb2.IntentCandidate(name=understanding.intent, confidence=understanding.confidence)
            facts.append(crm_pb2.CallFact(turn_id=turn_id, intent=intent))
        if understanding.sentiment is not None:
            sentiment = speech_pb2.Sentiment(score=understanding.sentiment)
            facts.append(crm_pb2.CallFact(turn_id=turn_id, sentiment=sentiment))
        for fact in facts:
            fact.audio_offset.CopyFrom(to_duration(place_s))
            try:
                self._facts.put_nowait(fact)
            except asyncio.QueueFull:
                metrics.CRM_FACTS_DROPPED.inc()

    async def contexts(self, tell: Callable[[CallerContext], Awaitable[None]]) -> None:
        """Pass on what the records say of the caller, until cancelled or the gateway is gone."""
        try:
            await self._stream(tell)
        except* MeshError as group:
            first = group.exceptions[0]
            reason = name_of(first.reason) if isinstance(first, MeshError) else "several"
            _log.warning("crm.gone", session_id=self._info.session_id, reason=reason)

    async def _stream(self, tell: Callable[[CallerContext], Awaitable[None]]) -> None:
        method = CrmServiceStub(self._channel).CallSession
        async with duplex(method, "crm", name=_NAME, end=_END) as stream, asyncio.TaskGroup() as tasks:
            await stream.send(CallSessionRequest(start=self._start()))
            sender = tasks.create_task(self._send_facts(stream.send))
            async with contextlib.aclosing(stream.responses()) as responses:
                async for response in responses:
                    await tell(_context(response.caller_context))
            sender.cancel()

    async def _send_facts(self, send: Callable[[CallSessionRequest], Awaitable[None]]) -> None:
        while True:
            await send(CallSessionRequest(fact=await self._facts.get()))

    def _start(self) -> CallSessionStart:
        start = CallSessionStart(context=request_context(self._info))
        if self._info.customer_id:
            start.contact.customer_id = self._info.customer_id
        elif self._info.phone:
            start.contact.phone = self._info.phone
        return start


def _context(proto: crm_pb2.CallerContext) -> CallerContext:
    return CallerContext(
        contact_id=proto.contact.contact_id,
        name=proto.contact.display_name,
        open_items=tuple(
            (i.record_id, i.kind, i.title, i.state, i.vendor, i.amount, i.currency) for i in proto.open_items
        ),
        stage=_stage(proto),
        interactions=proto.prior.count,
        last_interaction=proto.last_interaction,
        suppressed=proto.suppressed,
    )


def _stage(proto: crm_pb2.CallerContext) -> str:
    """Return how far it has come; empty for what is not known, to the gateway or to this version of the contract."""
    if proto.intent_stage not in caller_pb2.IntentStage.values():
        return ""
    name = caller_pb2.IntentStage.Name(proto.intent_stage).removeprefix(_STAGE).lower()
    return "" if name == "unspecified" else name


@contextlib.asynccontextmanager
async def crm(channel: grpc.aio.Channel, info: model.SessionInfo) -> AsyncIterator[GrpcCrmLink]:
    """Make a session's link; its stream opens when `contexts` runs."""
    yield GrpcCrmLink(channel, info)
