"""gRPC in, what is known of the sync out: for those who run the mesh."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.crm.v1 import sync_pb2
from voicemesh.crm.v1 import sync_service_pb2 as pb
from voicemesh.crm.v1.sync_service_pb2_grpc import SyncServiceServicer

from mesh.durations import to_timestamp
from mesh.errors import ErrorReason, MeshError
from services.crm_gateway.adapters.cursors import SyncStates
from services.crm_gateway.answering import answered
from services.crm_gateway.sync_in.model import SyncState


class SyncServicer(SyncServiceServicer):
    """Serves `SyncService`."""

    def __init__(self, states: SyncStates) -> None:
        self._states = states

    async def ListSyncStates(self, request: pb.ListSyncStatesRequest, _: object) -> pb.ListSyncStatesResponse:
        """Say how far each business system's changes have been taken in."""
        states = await answered(self._states.states(request.context.tenant_id))
        return pb.ListSyncStatesResponse(states=map(_state_pb, states))

    async def RestartSync(self, request: pb.RestartSyncRequest, _: object) -> pb.RestartSyncResponse:
        """Have a business system's changes read from the beginning again."""
        before = await answered(self._states.restart(request.context.tenant_id, request.vendor))
        if before is None:
            raise MeshError(
                ErrorReason.ERROR_REASON_NOT_FOUND,
                f"nothing of {request.vendor!r} was ever read for this tenant; `voicemesh crm sync status` lists them",
                metadata={"kind": "sync", "name": request.vendor},
            )
        return pb.RestartSyncResponse(state=_state_pb(before))


def _state_pb(state: SyncState) -> sync_pb2.SyncState:
    return sync_pb2.SyncState(
        vendor=state.vendor,
        cursor=state.cursor,
        complete_at=_moment(state.complete_at),
        read_at=_moment(state.read_at),
        webhook_at=_moment(state.webhook_at),
        changed_at=_moment(state.changed_at),
        applied=state.applied,
        ignored=state.ignored,
        refused=state.refused,
        last_refusal=state.last_refusal,
        failures=state.failures,
        last_error=state.last_error,
        failed_at=_moment(state.failed_at),
    )


def _moment(value: datetime | None) -> Timestamp | None:
    return to_timestamp(value) if value else None
