"""gRPC in, use cases out: `PrivacyService`."""

from voicemesh.crm.v1 import privacy_pb2
from voicemesh.crm.v1 import privacy_service_pb2 as pb
from voicemesh.crm.v1.privacy_service_pb2_grpc import PrivacyServiceServicer

from mesh.durations import to_timestamp
from services.crm_gateway.model import Scope
from services.crm_gateway.privacy.handlers import Privacy
from services.crm_gateway.privacy.model import SERVICES, Erasure, Progress


class PrivacyServicer(PrivacyServiceServicer):
    """Serves `PrivacyService`."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

    async def EraseContact(self, request: pb.EraseContactRequest, _: object) -> pb.EraseContactResponse:
        """Have a contact forgotten."""
        context = request.context
        scope = Scope(context.tenant_id, context.region, context.correlation_id, context.language)
        erasure = await self._privacy.erase(scope, request.contact, dry_run=request.dry_run)
        return pb.EraseContactResponse(erasure=_erasure(erasure))

    async def GetErasure(self, request: pb.GetErasureRequest, _: object) -> pb.GetErasureResponse:
        """Say how far an erasure is."""
        erasure = await self._privacy.find(request.context.tenant_id, request.erasure_id)
        return pb.GetErasureResponse(erasure=_erasure(erasure))


def _erasure(erasure: Erasure) -> privacy_pb2.Erasure:
    done = {progress.service for progress in erasure.done}
    waiting = [privacy_pb2.ErasureProgress(service=service) for service in SERVICES if service not in done]
    return privacy_pb2.Erasure(
        erasure_id=erasure.erasure_id,
        requested_at=to_timestamp(erasure.requested_at) if erasure.requested_at else None,
        completed_at=to_timestamp(erasure.completed_at) if erasure.completed_at else None,
        principal=erasure.principal,
        purpose=erasure.purpose,
        services=[*map(_progress, erasure.done), *(waiting if erasure.erasure_id else ())],
    )


def _progress(progress: Progress) -> privacy_pb2.ErasureProgress:
    at = to_timestamp(progress.completed_at) if progress.completed_at else None
    return privacy_pb2.ErasureProgress(service=progress.service, completed_at=at, counts=progress.counts)
