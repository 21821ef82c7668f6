"""gRPC in, use cases out: the service of those who look after contacts."""

from datetime import UTC, datetime

from voicemesh.crm.v1 import conflicts_pb2 as wire_pb
from voicemesh.crm.v1 import conflicts_service_pb2 as pb
from voicemesh.crm.v1.conflicts_service_pb2_grpc import ConflictServiceServicer

from mesh.durations import to_timestamp
from services.crm_gateway import wire
from services.crm_gateway.conflicts.handlers import Conflicts
from services.crm_gateway.conflicts.model import Conflict, ConflictState, Decision, Statement, Wanted
from services.crm_gateway.deciding import decider

_STATES = {
    ConflictState.WAITING: wire_pb.CONFLICT_STATE_WAITING,
    ConflictState.SETTLED: wire_pb.CONFLICT_STATE_SETTLED,
    ConflictState.RESOLVED: wire_pb.CONFLICT_STATE_RESOLVED,
}
_BY_NUMBER = {number: state for state, number in _STATES.items()}


class ConflictServicer(ConflictServiceServicer):
    """Serves `ConflictService`."""

    def __init__(self, conflicts: Conflicts) -> None:
        self._conflicts = conflicts

    async def ListConflicts(self, request: pb.ListConflictsRequest, _: object) -> pb.ListConflictsResponse:
        """List a page of conflicts."""
        page, token = await self._conflicts.page(
            request.context.tenant_id,
            Wanted(_BY_NUMBER.get(request.state), request.contact_id, request.field),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListConflictsResponse(conflicts=map(_conflict_pb, page), next_page_token=token)

    async def GetConflict(self, request: pb.GetConflictRequest, _: object) -> pb.GetConflictResponse:
        """Show a conflict."""
        conflict = await self._conflicts.get(request.context.tenant_id, request.conflict_id)
        return pb.GetConflictResponse(conflict=_conflict_pb(conflict))

    async def ResolveConflict(self, request: pb.ResolveConflictRequest, _: object) -> pb.ResolveConflictResponse:
        """Decide a conflict."""
        decision = Decision(
            version=request.version,
            by=decider(request.resolved_by, "resolved_by"),
            reason=request.reason,
            at=datetime.now(UTC),
            source=request.source,
            values=tuple(request.value.values),
        )
        conflict, contact = await self._conflicts.resolve(wire.scope(request.context), request.conflict_id, decision)
        return pb.ResolveConflictResponse(conflict=_conflict_pb(conflict), contact=wire.contact_pb(contact))


def _conflict_pb(conflict: Conflict) -> wire_pb.Conflict:
    return wire_pb.Conflict(
        conflict_id=conflict.conflict_id,
        contact_id=conflict.contact_id,
        field=conflict.field,
        state=_STATES[conflict.state],
        kept=_statement_pb(conflict.kept) if conflict.kept else None,
        overruled=[
            wire_pb.OverruledStatement(statement=_statement_pb(other.statement), because=other.because)
            for other in conflict.overruled
        ],
        rules_version=conflict.rules_version,
        version=conflict.version,
        detected_at=to_timestamp(conflict.detected_at),
        settled_at=to_timestamp(conflict.settled_at) if conflict.settled_at else None,
        resolved_by=conflict.resolved_by,
        reason=conflict.reason,
    )


def _statement_pb(statement: Statement) -> wire_pb.Statement:
    return wire_pb.Statement(
        source=statement.source,
        values=statement.values,
        changed_at=to_timestamp(statement.changed_at),
        statement_id=statement.statement_id,
        confidence=statement.confidence,
    )
