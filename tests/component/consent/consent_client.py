"""What a client of the consent service says, in short."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.consent.v1 import consent_pb2, consent_service_pb2

from mesh.durations import to_timestamp

SARAH = consent_pb2.Subject(phone="+15550123456", customer_id="C-42")
MARC = consent_pb2.Subject(phone="+15550999999")


def context(tenant: str = "acme") -> RequestContext:
    return RequestContext(tenant_id=tenant, region="local", correlation_id="c-1", language="en-US")


def check(
    subject: consent_pb2.Subject = SARAH,
    purpose: int = consent_pb2.PURPOSE_MARKETING,
    *,
    check_id: str = "q",
    caller_initiated: bool = False,
) -> consent_service_pb2.ConsentCheck:
    return consent_service_pb2.ConsentCheck(
        check_id=check_id,
        subject=subject,
        channel=consent_pb2.CHANNEL_VOICE,
        purpose=purpose,
        caller_initiated=caller_initiated,
    )


def ask(question: consent_service_pb2.ConsentCheck, tenant: str = "acme") -> consent_service_pb2.CheckConsentRequest:
    return consent_service_pb2.CheckConsentRequest(context=context(tenant), check=question)


def said(state: int = consent_pb2.CONSENT_STATE_GRANTED, **changes: Any) -> consent_service_pb2.RecordConsentRequest:
    fields: dict[str, Any] = {
        "context": context(),
        "subject": SARAH,
        "channel": consent_pb2.CHANNEL_VOICE,
        "purpose": consent_pb2.PURPOSE_MARKETING,
        "state": state,
        "evidence": consent_pb2.Evidence(
            source="web form",
            wording="Yes, call me about offers.",
            reference="form 12",
            captured_at=to_timestamp(datetime.now(UTC) - timedelta(seconds=1)),
        ),
        "idempotency_key": uuid.uuid4().hex,
    }
    return consent_service_pb2.RecordConsentRequest(**(fields | changes))


def suppress(**changes: Any) -> consent_service_pb2.AddSuppressionRequest:
    fields: dict[str, Any] = {
        "context": context(),
        "subject": SARAH,
        "reason": "asked by letter",
        "idempotency_key": uuid.uuid4().hex,
    }
    return consent_service_pb2.AddSuppressionRequest(**(fields | changes))


def reason_of(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    """The ErrorReason and its metadata that a call ended with."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason, dict(info.metadata)
