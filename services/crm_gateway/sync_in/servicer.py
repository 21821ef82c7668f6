"""gRPC in, what is known of the sync out: for those who run the mesh."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import SQLAlchemyError
from voicemesh.crm.v1 import sync_pb2
from voicemesh.crm.v1 import sync_service_pb2 as pb
from voicemesh.crm.v1.sync_service_pb2_grpc import SyncServiceServicer

from mesh.durations import to_timestamp
from mesh.errors import ErrorReason, MeshError
from services.crm_gateway.adapters.cursors import SyncStates
from services.crm_gateway.sync_in.model import SyncState


class SyncServicer(SyncServiceServicer):
    """Serves `SyncService`."""

    def __init__(self, states: SyncStates) -> None:
        self._states = states

    async def ListSyncStates(self, request: pb.ListSyncStatesRequest, _: object) -> pb.ListSyncStatesResponse:
        """Say how far each business system's changes have been taken in."""
        try:
            states = await self._states.states(request.context.tenant_id)
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error
        return pb.ListSyncStatesResponse(states=map(_state_pb, states))

    async def RestartSync(self, request: pb.RestartSyncRequest, _: object) -> pb.RestartSyncResponse:
        """Have a business system's changes read from the beginning again."""
        try:
            before = await self._states.restart(request.context.tenant_id, request.vendor)
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error
        if before is None:
            raise MeshError(
                ErrorReason.ERROR_REASON_NOT_FOUND,
                f"nothing of {request.vendor!r} was ever read for this tenant; `voicemesh crm sync status` lists them",
                metadata={"kind": "sync", "name": request.vendor},
            )
        return pb.RestartSyncResponse(state=_state_pb(before))


def _unavailable() -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        "the store does not answer; try again",
        retry_after_s=1.0,
        metadata={"dependency": "crm-store"},
    )


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
