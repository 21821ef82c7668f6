"""gRPC in, use cases out: the review queue's service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

import grpc
from voicemesh.crm.v1 import crm_pb2
from voicemesh.crm.v1 import review_pb2 as drafts
from voicemesh.crm.v1 import review_service_pb2 as pb
from voicemesh.crm.v1.review_service_pb2_grpc import ReviewServiceServicer

from mesh.durations import seconds, to_duration, to_timestamp
from services.crm_gateway import wire
from services.crm_gateway.deciding import decider
from services.crm_gateway.model import RecordState
from services.crm_gateway.review.events import audio_offset_s, change_pb, doubt_pb, evidence_pb
from services.crm_gateway.review.handlers import Review
from services.crm_gateway.review.model import Decision, Draft, Step, Wanted

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
_STATES = {
    crm_pb2.RECORD_STATE_DRAFT: RecordState.DRAFT,
    crm_pb2.RECORD_STATE_REVIEWED: RecordState.REVIEWED,
    crm_pb2.RECORD_STATE_APPLIED: RecordState.APPLIED,
    crm_pb2.RECORD_STATE_REJECTED: RecordState.REJECTED,
}
_STATES_PB = {state: number for number, state in _STATES.items()}


class ReviewServicer(ReviewServiceServicer):
    """Serves `ReviewService`.

    Args:
        look_s: how often a watcher's store is looked at, in seconds.
        ending: set when the process ends, and watchers are to go elsewhere.
    """

    def __init__(self, review: Review, look_s: float, ending: asyncio.Event) -> None:
        self._review = review
        self._look_s = look_s
        self._ending = ending

    async def ListDrafts(self, request: pb.ListDraftsRequest, _: Context) -> pb.ListDraftsResponse:
        """List a page of drafts."""
        page, token = await self._review.drafts(
            request.context.tenant_id, _wanted(request.filter), size=request.page_size, token=request.page_token
        )
        return pb.ListDraftsResponse(drafts=map(_draft_pb, page), next_page_token=token)

    async def GetDraft(self, request: pb.GetDraftRequest, _: Context) -> pb.GetDraftResponse:
        """Show a draft and its history."""
        draft, steps = await self._review.draft(request.context.tenant_id, request.id)
        return pb.GetDraftResponse(draft=_draft_pb(draft), steps=map(_step_pb, steps))

    async def ConfirmDraft(self, request: pb.ConfirmDraftRequest, _: Context) -> pb.ConfirmDraftResponse:
        """Say yes."""
        tenant_id, decision = request.context.tenant_id, _decision(request.decision)
        draft = await self._review.confirm(tenant_id, request.decision.id, decision)
        return pb.ConfirmDraftResponse(draft=_draft_pb(draft))

    async def OverrideDraft(self, request: pb.OverrideDraftRequest, _: Context) -> pb.OverrideDraftResponse:
        """Change values."""
        tenant_id, decision = request.context.tenant_id, _decision(request.decision)
        draft = await self._review.override(tenant_id, request.decision.id, decision, dict(request.values))
        return pb.OverrideDraftResponse(draft=_draft_pb(draft))

    async def RejectDraft(self, request: pb.RejectDraftRequest, _: Context) -> pb.RejectDraftResponse:
        """Say no."""
        tenant_id, decision = request.context.tenant_id, _decision(request.decision)
        draft = await self._review.reject(tenant_id, request.decision.id, decision)
        return pb.RejectDraftResponse(draft=_draft_pb(draft))

    async def WatchDrafts(self, request: pb.WatchDraftsRequest, _: Context) -> AsyncIterator[pb.WatchDraftsResponse]:
        """Tell of drafts as they are made and move."""
        numbers = count()
        found = self._review.watch(request.context.tenant_id, _wanted(request.filter), self._look_s, self._ending)
        async with contextlib.aclosing(found) as changed:
            async for draft in changed:
                response = pb.WatchDraftsResponse(sequence=next(numbers), draft=_draft_pb(draft))
                if response.draft.HasField("audio_offset"):
                    response.audio_offset.CopyFrom(response.draft.audio_offset)
                yield response


def _wanted(asked: pb.DraftFilter) -> Wanted:
    before = None
    if asked.HasField("older_than"):
        # Nothing here is older than the year 1.
        longest = (datetime.now(UTC) - datetime.min.replace(tzinfo=UTC)).total_seconds()
        before = datetime.now(UTC) - timedelta(seconds=min(seconds(asked.older_than), longest - 1))
    return Wanted(
        vendor=asked.vendor,
        kind=asked.kind,
        states=[_STATES[state] for state in asked.states if state in _STATES],
        made_before=before,
        session_id=asked.session_id,
    )


def _decision(asked: drafts.Decision) -> Decision:
    """Read a decision of whoever makes the call. Raises ``MeshError`` as `decider` does."""
    return Decision(decider(asked.by, "decision.by"), datetime.now(UTC), asked.note, asked.version)


def _draft_pb(draft: Draft) -> drafts.Draft:
    record = draft.record
    place = audio_offset_s(record)
    shown = wire.new_record_pb(record)
    shown.contact_id = draft.contact_id
    shown.created_at.CopyFrom(to_timestamp(draft.made_at))
    escrow = record.escrow
    return drafts.Draft(
        id=draft.sequence,
        vendor=draft.vendor,
        record=shown,
        version=draft.version,
        doubts=map(doubt_pb, escrow.doubts) if escrow else (),
        editable_fields=[
            drafts.EditableField(name=name, type=kind) for name, kind in (escrow.types if escrow else {}).items()
        ],
        turn_id=record.turn_id,
        audio_offset=to_duration(place) if place is not None else None,
        **evidence_pb(draft.evidence),
        made_at=to_timestamp(draft.made_at),
        due_at=to_timestamp(draft.due_at),
        changed_at=to_timestamp(draft.changed_at),
        age=to_duration(draft.age(datetime.now(UTC)).total_seconds()),
    )


def _step_pb(step: Step) -> drafts.DraftStep:
    return drafts.DraftStep(
        version=step.version,
        old_state=_STATES_PB[step.old_state] if step.old_state else crm_pb2.RECORD_STATE_UNSPECIFIED,
        new_state=_STATES_PB[step.new_state],
        by=step.by,
        at=to_timestamp(step.at),
        changes=map(change_pb, step.changes),
        note=step.note,
    )
