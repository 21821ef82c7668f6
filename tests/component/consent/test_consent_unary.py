"""Checks, records, suppressions and their lists, through a real server on SQLite."""

import base64
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from component.consent.consent_client import MARC, SARAH, ask, check, context, reason_of, said, suppress
from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1 import consent_service_pb2 as service_pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.durations import to_datetime, to_timestamp

YES, NO, UNKNOWN = pb.OUTCOME_ALLOWED, pb.OUTCOME_DENIED, pb.OUTCOME_UNKNOWN


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def outcome(stub: ConsentServiceStub, question: service_pb.ConsentCheck, tenant: str = "acme") -> int:
    return (await stub.CheckConsent(ask(question, tenant))).decision.outcome


async def refusal(call: grpc.aio.UnaryUnaryCall) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)


async def test_unknown_then_yes_then_no(stub: ConsentServiceStub) -> None:
    assert await outcome(stub, check()) == UNKNOWN
    record = (await stub.RecordConsent(said())).record
    decision = (await stub.CheckConsent(ask(check()))).decision
    assert (decision.outcome, decision.reason) == (YES, pb.DECISION_REASON_GRANTED)
    assert decision.record_id == record.record_id
    assert to_datetime(decision.valid_until) - to_datetime(decision.decided_at) == timedelta(seconds=60)
    await stub.RecordConsent(said(pb.CONSENT_STATE_REVOKED))
    decision = (await stub.CheckConsent(ask(check()))).decision
    assert (decision.outcome, decision.reason) == (NO, pb.DECISION_REASON_REVOKED)


async def test_a_record_comes_back_whole(stub: ConsentServiceStub) -> None:
    request = said(expires_at=to_timestamp(datetime.now(UTC) + timedelta(days=365)))
    record = (await stub.RecordConsent(request)).record
    for field in ("subject", "channel", "purpose", "state", "evidence", "expires_at"):
        assert getattr(record, field) == getattr(request, field), field
    kept_context = (record.tenant_id, record.region, record.correlation_id, record.language)
    assert kept_context == ("acme", "local", "c-1", "en-US")
    listed = await stub.ListConsentHistory(service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH))
    assert list(listed.records) == [record]


async def test_one_person_however_the_number_is_written(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said(subject=pb.Subject(phone="+4407911123456")))
    assert await outcome(stub, check(pb.Subject(phone="+447911123456"))) == YES


async def test_one_who_calls_is_served_even_when_suppressed(stub: ConsentServiceStub) -> None:
    await stub.AddSuppression(suppress())
    assert await outcome(stub, check(purpose=pb.PURPOSE_SERVICE, caller_initiated=True)) == YES
    assert await outcome(stub, check(purpose=pb.PURPOSE_SERVICE)) == NO
    assert await outcome(stub, check(purpose=pb.PURPOSE_MARKETING, caller_initiated=True)) == NO


async def test_the_suppression_of_a_name_the_check_leaves_out_is_found(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said())
    await stub.AddSuppression(suppress(subject=pb.Subject(customer_id="C-42")))
    assert await outcome(stub, check(pb.Subject(phone=SARAH.phone))) == NO


async def test_a_suppression_and_its_removal(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said())
    added = (await stub.AddSuppression(suppress())).suppression
    assert await outcome(stub, check()) == NO
    listed = await stub.ListSuppressions(service_pb.ListSuppressionsRequest(context=context()))
    assert list(listed.suppressions) == [added]
    removal = service_pb.RemoveSuppressionRequest(
        context=context(), suppression_id=added.suppression_id, reason="asked to be called again"
    )
    await stub.RemoveSuppression(removal)
    await stub.RemoveSuppression(removal)
    assert await outcome(stub, check()) == YES
    listed = await stub.ListSuppressions(service_pb.ListSuppressionsRequest(context=context()))
    assert not listed.suppressions


async def test_an_expired_suppression_is_not_listed(stub: ConsentServiceStub) -> None:
    await stub.AddSuppression(suppress(expires_at=to_timestamp(datetime.now(UTC) - timedelta(seconds=1))))
    listed = await stub.ListSuppressions(service_pb.ListSuppressionsRequest(context=context()))
    assert not listed.suppressions
    assert await outcome(stub, check()) == UNKNOWN


async def test_the_same_key_writes_once(stub: ConsentServiceStub) -> None:
    request = said(idempotency_key="k-1")
    first, second = await stub.RecordConsent(request), await stub.RecordConsent(request)
    assert first == second
    listed = await stub.ListConsentHistory(service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH))
    assert len(listed.records) == 1
    listing = suppress(idempotency_key="k-1")
    assert await stub.AddSuppression(listing) == await stub.AddSuppression(listing)


async def test_the_same_key_with_other_content_is_refused(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said(idempotency_key="k-1"))
    other = said(pb.CONSENT_STATE_REVOKED, idempotency_key="k-1")
    reason, metadata = await refusal(stub.RecordConsent(other))
    assert (reason, metadata) == ("ALREADY_EXISTS", {"kind": "consent record", "name": "k-1"})
    await stub.AddSuppression(suppress(idempotency_key="k-1"))
    reason, _ = await refusal(stub.AddSuppression(suppress(idempotency_key="k-1", reason="other")))
    assert reason == "ALREADY_EXISTS"


async def test_the_same_key_of_another_tenant_is_another_key(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said(idempotency_key="k-1"))
    mine = said(pb.CONSENT_STATE_REVOKED, idempotency_key="k-1", context=context("globex"))
    assert (await stub.RecordConsent(mine)).record.tenant_id == "globex"


async def test_tenants_never_see_each_other(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said())
    added = (await stub.AddSuppression(suppress(subject=MARC))).suppression
    assert await outcome(stub, check(), "globex") == UNKNOWN
    assert await outcome(stub, check(MARC), "globex") == UNKNOWN
    history = service_pb.ListConsentHistoryRequest(context=context("globex"), subject=SARAH)
    assert not (await stub.ListConsentHistory(history)).records
    listing = service_pb.ListSuppressionsRequest(context=context("globex"))
    assert not (await stub.ListSuppressions(listing)).suppressions
    removal = service_pb.RemoveSuppressionRequest(
        context=context("globex"), suppression_id=added.suppression_id, reason="x"
    )
    reason, metadata = await refusal(stub.RemoveSuppression(removal))
    assert (reason, metadata["kind"]) == ("NOT_FOUND", "suppression")
    assert await outcome(stub, check(MARC)) == NO


async def test_a_history_is_paged_newest_first_while_it_grows(stub: ConsentServiceStub) -> None:
    written = [(await stub.RecordConsent(said())).record.record_id for _ in range(5)]
    request = service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH, page_size=2)
    pages = []
    while True:
        page = await stub.ListConsentHistory(request)
        pages.append([record.record_id for record in page.records])
        await stub.RecordConsent(said())  # newer than all pages still to come
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    newest_first = written[::-1]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_suppressions_are_paged(stub: ConsentServiceStub) -> None:
    written = [(await stub.AddSuppression(suppress())).suppression.suppression_id for _ in range(3)]
    request = service_pb.ListSuppressionsRequest(context=context(), page_size=2)
    first = await stub.ListSuppressions(request)
    request.page_token = first.next_page_token
    second = await stub.ListSuppressions(request)
    assert [one.suppression_id for one in (*first.suppressions, *second.suppressions)] == written[::-1]
    assert not second.next_page_token


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask(check(pb.Subject())), "check.subject"),
        (ask(check(pb.Subject(phone="+15550"))), "check.subject.phone"),
        (ask(check(purpose=99)), "check.purpose"),
        (said(subject=pb.Subject()), "subject"),
        (said(99), "state"),
        (said(channel=99), "channel"),
        (said(expires_at=Timestamp(seconds=1 << 60)), "expires_at"),
        (said(evidence=pb.Evidence(source="x", captured_at=Timestamp(seconds=1 << 60))), "evidence.captured_at"),
        (said(evidence=pb.Evidence()), "evidence.source"),
        (suppress(channel=99), "channel"),
        (
            service_pb.ListSuppressionsRequest(context=context(), page_token="no such token"),
            "page_token",
        ),
        (
            service_pb.ListConsentHistoryRequest(context=context(), subject=SARAH, page_token="YWZ0ZXI6MQ=="),
            "page_token",
        ),
        (
            service_pb.ListSuppressionsRequest(context=context(), page_token=token(f"before:{'9' * 60}")),
            "page_token",
        ),
        (service_pb.ListSuppressionsRequest(context=context(), page_token=token("before:-3")), "page_token"),
        (service_pb.ListSuppressionsRequest(), "context"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_is_named(stub: ConsentServiceStub, request_: object, field: str) -> None:
    method = {
        service_pb.CheckConsentRequest: stub.CheckConsent,
        service_pb.RecordConsentRequest: stub.RecordConsent,
        service_pb.AddSuppressionRequest: stub.AddSuppression,
        service_pb.ListSuppressionsRequest: stub.ListSuppressions,
        service_pb.ListConsentHistoryRequest: stub.ListConsentHistory,
    }[type(request_)]
    reason, metadata = await refusal(method(request_))
    assert (reason, metadata["field"]) == ("INVALID_REQUEST", field)
    assert await outcome(stub, check()) == UNKNOWN
