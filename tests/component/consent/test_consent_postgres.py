"""The consent service on PostgreSQL: the same answers as on SQLite, and many writers at once."""

import asyncio
from collections.abc import Iterator

import grpc
import pytest
from component.consent.consent_client import SARAH, ask, check, context, reason_of, said, suppress
from fakes.postgres_server import postgres_server
from pydantic import SecretStr
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1 import consent_service_pb2 as service_pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.testing import serve
from services.consent.app import build
from services.consent.config import ConsentSettings


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


async def test_two_processes_share_one_database(settings: ConsentSettings, database_url: str) -> None:
    settings = settings.model_copy(update={"consent_database_url": SecretStr(database_url)})
    async with (
        serve(build, settings, service="consent") as here,
        serve(build, settings, service="consent") as there,
        grpc.aio.insecure_channel(here.address) as to_here,
        grpc.aio.insecure_channel(there.address) as to_there,
    ):
        one, other = ConsentServiceStub(to_here), ConsentServiceStub(to_there)
        # The same request at both at once: one entry, and both are told of it.
        request = said(idempotency_key="k-1")
        first, second = await asyncio.gather(one.RecordConsent(request), other.RecordConsent(request))
        assert first == second
        assert (await other.CheckConsent(ask(check()))).decision.outcome == pb.OUTCOME_ALLOWED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await other.RecordConsent(said(pb.CONSENT_STATE_REVOKED, idempotency_key="k-1"))
        assert reason_of(caught.value)[0] == "ALREADY_EXISTS"
        added = (await one.AddSuppression(suppress())).suppression
        assert (await other.CheckConsent(ask(check()))).decision.outcome == pb.OUTCOME_DENIED
        removal = service_pb.RemoveSuppressionRequest(
            context=context(), suppression_id=added.suppression_id, reason="a mistake"
        )
        await asyncio.gather(one.RemoveSuppression(removal), other.RemoveSuppression(removal))
        assert (await one.CheckConsent(ask(check()))).decision.outcome == pb.OUTCOME_ALLOWED
        history = service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH)
        assert len((await other.ListConsentHistory(history)).records) == 1
