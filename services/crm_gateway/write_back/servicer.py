"""gRPC in, use cases out: the service of those who run the mesh."""

from voicemesh.crm.v1 import write_back_pb2 as letters
from voicemesh.crm.v1 import write_back_service_pb2 as pb
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceServicer

from mesh.durations import to_timestamp
from services.crm_gateway import wire
from services.crm_gateway.deliveries import DeadLetter, DeliveryState, Standing
from services.crm_gateway.write_back.handlers import WriteBack


class WriteBackServicer(WriteBackServiceServicer):
    """Serves `WriteBackService`."""

    def __init__(self, write_back: WriteBack) -> None:
        self._write_back = write_back

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, _: object) -> pb.ListDeadLettersResponse:
        """List a page of dead letters."""
        page, token = await self._write_back.dead_letters(
            request.context.tenant_id,
            vendor=request.vendor,
            sequence=request.id,
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListDeadLettersResponse(dead_letters=map(_dead_letter_pb, page), next_page_token=token)

    async def ReplayDeadLetters(self, request: pb.ReplayDeadLettersRequest, _: object) -> pb.ReplayDeadLettersResponse:
        """Have dead letters written after all."""
        chosen = request.selection
        count = await self._write_back.replay(request.context.tenant_id, chosen.vendor, list(chosen.ids))
        return pb.ReplayDeadLettersResponse(count=count)

    async def DropDeadLetters(self, request: pb.DropDeadLettersRequest, _: object) -> pb.DropDeadLettersResponse:
        """Give dead letters up."""
        chosen = request.selection
        count = await self._write_back.drop(request.context.tenant_id, chosen.vendor, list(chosen.ids))
        return pb.DropDeadLettersResponse(count=count)

    async def GetWriteBackStatus(
        self, request: pb.GetWriteBackStatusRequest, _: object
    ) -> pb.GetWriteBackStatusResponse:
        """Count what waits, was written and was given up."""
        found = await self._write_back.standing(request.context.tenant_id)
        return pb.GetWriteBackStatusResponse(vendors=map(_standing_pb, found))


def _dead_letter_pb(letter: DeadLetter) -> letters.DeadLetter:
    return letters.DeadLetter(
        id=letter.sequence,
        vendor=letter.vendor,
        record=wire.new_record_pb(letter.record),
        attempts=letter.attempts,
        reason=letter.reason,
        given_up_at=to_timestamp(letter.at),
    )


def _standing_pb(standing: Standing) -> letters.VendorStatus:
    counts = standing.counts
    return letters.VendorStatus(
        vendor=standing.vendor,
        waiting=counts.get(DeliveryState.WAITING, 0),
        written=counts.get(DeliveryState.WRITTEN, 0),
        dead=counts.get(DeliveryState.DEAD, 0),
        dropped=counts.get(DeliveryState.DROPPED, 0),
        drafts=counts.get(DeliveryState.DRAFT, 0),
        rejected=counts.get(DeliveryState.REJECTED, 0),
        waiting_since=to_timestamp(standing.waiting_since) if standing.waiting_since else None,
    )
