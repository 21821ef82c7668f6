"""A contact is forgotten, but not what they refused."""

from pathlib import Path

import sqlalchemy as sa
from component.consent.consent_client import MARC, SARAH, ask, check, context, said, suppress
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1 import consent_service_pb2 as service_pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh.database import database, sqlite_url
from mesh.outbox import Outbox
from services.consent.adapters import tables
from services.consent.adapters.erasure import Erasures
from services.consent.hub import Hub


async def test_a_yes_goes_and_a_no_stays_by_its_key(stub: ConsentServiceStub, tmp_path: Path) -> None:
    for subject in (SARAH, MARC):
        await stub.RecordConsent(said(subject=subject))
        await stub.RecordConsent(said(pb.CONSENT_STATE_REFUSED, subject=subject, purpose=pb.PURPOSE_RECORDING))
    await stub.AddSuppression(suppress(channel=pb.CHANNEL_SMS))
    event = ErasureRequested(
        context=EventContext(event_id="e-1", tenant_id="acme", region="local", correlation_id="x", language="en-US"),
        erasure_id="e-1",
        customer_ids=[SARAH.customer_id],
        phones=[SARAH.phone],
    )
    async with database(sqlite_url(tmp_path / "consent.db")) as engine:
        outbox = Outbox(engine, tables.outbox)
        for _ in range(2):  # an event comes at least once
            await Erasures(outbox, Hub(), "local", 1.0).on_requested(event, None)  # type: ignore[arg-type]
        async with engine.connect() as connection:
            query = sa.select(tables.outbox).where(tables.outbox.c.type.endswith("ErasureCompleted"))
            [row] = (await connection.execute(query)).all()
    told = ErasureCompleted.FromString(row.payload)
    assert (told.service, dict(told.counts)) == ("consent", {"consents": 1, "kept_refusals": 1, "kept_suppressions": 1})

    async def outcome(subject: pb.Subject, purpose: int) -> int:
        return (await stub.CheckConsent(ask(check(subject, purpose)))).decision.outcome

    assert await outcome(SARAH, pb.PURPOSE_MARKETING) == pb.OUTCOME_UNKNOWN
    assert await outcome(SARAH, pb.PURPOSE_RECORDING) == pb.OUTCOME_DENIED
    assert await outcome(MARC, pb.PURPOSE_MARKETING) == pb.OUTCOME_ALLOWED
    request = service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH)
    [kept] = (await stub.ListConsentHistory(request)).records
    assert (kept.evidence.wording, kept.evidence.reference) == ("", "")
