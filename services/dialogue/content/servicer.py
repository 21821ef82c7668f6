"""gRPC in, use cases out: `ContentService`."""

from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.content.v1 import content_pb2
from voicemesh.content.v1 import content_service_pb2 as pb
from voicemesh.content.v1.content_service_pb2_grpc import ContentServiceServicer

from mesh.durations import to_timestamp
from services.dialogue.content.access import ContentAccess, Row
from services.dialogue.content.places import RECORDING, TRANSCRIPT

_KINDS = {TRANSCRIPT: content_pb2.CONTENT_KIND_TRANSCRIPT, RECORDING: content_pb2.CONTENT_KIND_RECORDING}
_OF_ACCESS = (
    *("access_id", "principal", "purpose", "action", "scope", "uri", "session_id", "granted", "reason"),
    "correlation_id",
)


class ContentServicer(ContentServiceServicer):
    """Serves `ContentService`."""

    def __init__(self, access: ContentAccess) -> None:
        self._access = access

    async def GetContent(self, request: pb.GetContentRequest, _: object) -> pb.GetContentResponse:
        """Hand out one piece of content."""
        row, data = await self._access.get(request.context, request.uri, request.sha256)
        return pb.GetContentResponse(content=_content(row), data=data)

    async def ListContent(self, request: pb.ListContentRequest, _: object) -> pb.ListContentResponse:
        """List the content of a call."""
        rows = await self._access.contents(request.context, request.session_id)
        return pb.ListContentResponse(contents=map(_content, rows))

    async def DeleteContent(self, request: pb.DeleteContentRequest, _: object) -> pb.DeleteContentResponse:
        """Delete the content of a call."""
        rows = await self._access.delete(request.context, request.session_id)
        return pb.DeleteContentResponse(references=map(_reference, rows))

    async def ListContentAccesses(
        self, request: pb.ListContentAccessesRequest, _: object
    ) -> pb.ListContentAccessesResponse:
        """List who saw what."""
        rows, token = await self._access.accesses(
            request.context,
            session_id=request.session_id,
            principal=request.principal,
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListContentAccessesResponse(accesses=map(_access, rows), next_page_token=token)


def _reference(row: Row) -> ContentReference:
    return ContentReference(**{name: row[name] for name in ("uri", "sha256", "media_type", "size")})


def _content(row: Row) -> content_pb2.StoredContent:
    return content_pb2.StoredContent(
        reference=_reference(row),
        kind=_KINDS[row["kind"]],
        session_id=row["session_id"],
        turn_id=row["turn_id"],
        language=row["language"],
        created_at=to_timestamp(row["created_at"]),
    )


def _access(row: Row) -> content_pb2.ContentAccess:
    return content_pb2.ContentAccess(at=to_timestamp(row["at"]), **{name: row[name] for name in _OF_ACCESS})
