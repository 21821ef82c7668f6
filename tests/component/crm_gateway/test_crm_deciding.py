"""Who decides is who calls, and only those may that have the scope."""

from pathlib import Path

import grpc
import pytest
from fakes.crm_world import a_request, settings
from voicemesh.crm.v1 import conflicts_service_pb2 as conflicts
from voicemesh.crm.v1 import review_service_pb2 as review
from voicemesh.crm.v1 import write_back_service_pb2 as letters
from voicemesh.crm.v1.conflicts_service_pb2_grpc import ConflictServiceStub
from voicemesh.crm.v1.review_pb2 import Decision
from voicemesh.crm.v1.review_service_pb2_grpc import ReviewServiceStub
from voicemesh.crm.v1.write_back_pb2 import DeadLetterSelection
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceStub

from mesh.errors import from_rpc_error, name_of
from mesh.testing import serve
from services.crm_gateway.app import build

ANA = (("voicemesh-principal", "ana"), ("voicemesh-purpose", "review"))
ALL = "review:decide,crm:operate"


@pytest.mark.parametrize(
    ("scopes", "metadata", "named", "refused"),
    [
        (ALL, (), "", "UNAUTHENTICATED"),
        ("content:list", ANA, "", "PERMISSION_DENIED"),
        (ALL, ANA, "ben", "INVALID_REQUEST"),
        (ALL, ANA, "ana", "NOT_FOUND"),
        (ALL, ANA, "", "NOT_FOUND"),
    ],
)
async def test_decisions_are_of_whoever_calls_and_may(
    tmp_path: Path, scopes: str, metadata: tuple[tuple[str, str], ...], named: str, refused: str
) -> None:
    confirm = review.ConfirmDraftRequest(context=a_request(), decision=Decision(id=1, by=named))
    resolve = conflicts.ResolveConflictRequest(
        context=a_request(), conflict_id="c1", version=1, source="hubspot", resolved_by=named, reason="asked her"
    )
    here = settings(tmp_path, nats_url="").model_copy(update={"local_scopes": scopes})
    async with serve(build, here, service="crm") as hot, grpc.aio.insecure_channel(hot.address) as channel:
        for call in (
            ReviewServiceStub(channel).ConfirmDraft(confirm, metadata=metadata),
            ConflictServiceStub(channel).ResolveConflict(resolve, metadata=metadata),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert name_of(from_rpc_error(caught.value).reason) == refused


@pytest.mark.parametrize(
    ("scopes", "metadata", "refused"),
    [(ALL, (), "UNAUTHENTICATED"), ("review:decide", ANA, "PERMISSION_DENIED"), ("crm:operate", ANA, None)],
)
async def test_dead_letters_are_changed_by_those_who_may(
    tmp_path: Path, scopes: str, metadata: tuple[tuple[str, str], ...], refused: str | None
) -> None:
    here = settings(tmp_path, nats_url="").model_copy(update={"local_scopes": scopes})
    chosen = DeadLetterSelection(vendor="simulator")
    async with serve(build, here, service="crm") as hot, grpc.aio.insecure_channel(hot.address) as channel:
        stub = WriteBackServiceStub(channel)
        drop = letters.DropDeadLettersRequest(context=a_request(), selection=chosen)
        replay = letters.ReplayDeadLettersRequest(context=a_request(), selection=chosen)
        for call in (stub.DropDeadLetters(drop, metadata=metadata), stub.ReplayDeadLetters(replay, metadata=metadata)):
            if refused is None:
                assert (await call).count == 0
                continue
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert name_of(from_rpc_error(caught.value).reason) == refused
