"""A person at the review queue: asks and decides over gRPC."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from fakes.background import eventually
from fakes.crm_world import a_request, an_event_context
from voicemesh.common.v1.speech_pb2 import Slot
from voicemesh.crm.v1 import review_pb2 as pb
from voicemesh.crm.v1 import review_service_pb2 as rpc
from voicemesh.crm.v1.crm_pb2 import RECORD_STATE_DRAFT
from voicemesh.crm.v1.review_service_pb2_grpc import ReviewServiceStub
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested


def doubtful(event_id: str, *, day: float = 0.3, session_id: str = "s1", **customer: str) -> AppointmentRequested:
    """An appointment whose day was hard to hear."""
    context = an_event_context(event_id, session_id=session_id, **customer)
    context.turn_id = "t3"
    context.confidence = day
    context.audio_offset.FromMilliseconds(12_500)
    slots = [
        Slot(name="day", value="2026-11-26", type="date", confidence=day),
        Slot(name="service", value="cleaning", type="service", confidence=0.95),
    ]
    return AppointmentRequested(context=context, service="cleaning", date="2026-11-26", time="10:00", slots=slots)


class Desk:
    """The review queue of one tenant."""

    def __init__(self, stub: Any, tenant_id: str = "clinic") -> None:
        self.stub = stub
        self.context = a_request(tenant_id)

    async def drafts(self, *states: int, **wanted: Any) -> list[pb.Draft]:
        """List drafts, the oldest first."""
        chosen = rpc.DraftFilter(states=states, **wanted)  # type: ignore[arg-type]  # numbers of RecordState
        return list((await self.stub.ListDrafts(rpc.ListDraftsRequest(context=self.context, filter=chosen))).drafts)

    async def until_waiting(self, count: int, **wanted: Any) -> list[pb.Draft]:
        """Wait until so many drafts wait."""

        async def enough() -> bool:
            return len(await self.drafts(RECORD_STATE_DRAFT, **wanted)) >= count

        await eventually(enough)
        return await self.drafts(RECORD_STATE_DRAFT, **wanted)

    async def show(self, number: int) -> rpc.GetDraftResponse:
        """Show a draft and its history."""
        shown: rpc.GetDraftResponse = await self.stub.GetDraft(rpc.GetDraftRequest(context=self.context, id=number))
        return shown

    async def confirm(self, number: int, **decision: Any) -> pb.Draft:
        """Say yes."""
        request = rpc.ConfirmDraftRequest(context=self.context, decision=_decision(number, decision))
        return (await self.stub.ConfirmDraft(request, metadata=as_who(decision))).draft  # type: ignore[no-any-return]

    async def override(self, number: int, values: dict[str, str], **decision: Any) -> pb.Draft:
        """Change values."""
        request = rpc.OverrideDraftRequest(context=self.context, decision=_decision(number, decision), values=values)
        return (await self.stub.OverrideDraft(request, metadata=as_who(decision))).draft  # type: ignore[no-any-return]

    async def reject(self, number: int, **decision: Any) -> pb.Draft:
        """Say no."""
        request = rpc.RejectDraftRequest(context=self.context, decision=_decision(number, decision))
        return (await self.stub.RejectDraft(request, metadata=as_who(decision))).draft  # type: ignore[no-any-return]


def as_who(decision: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return who calls, as metadata: who decides."""
    return ("voicemesh-principal", decision.get("by", "ana")), ("voicemesh-purpose", "review")


def _decision(number: int, others: dict[str, Any]) -> pb.Decision:
    return pb.Decision(id=number, **{"by": "ana", **others})


@contextlib.asynccontextmanager
async def desk(address: str, tenant_id: str = "clinic") -> AsyncIterator[Desk]:
    """Sit down at a gateway."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield Desk(ReviewServiceStub(channel), tenant_id)
