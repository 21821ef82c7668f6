"""Failed calls become typed exceptions."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from voicemesh.common.v1.error_pb2 import ErrorReason

import voicemesh_client as sdk
from voicemesh_client.errors import from_rpc_error, make_error


def rpc_error(code: grpc.StatusCode, text: str = "", details: bytes | None = None) -> grpc.aio.AioRpcError:
    trailing = () if details is None else (("grpc-status-details-bin", details),)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=text)


def status(reason: str, *, delay_s: int | None = None, **metadata: str) -> bytes:
    packed = [Any(), Any()]
    packed[0].Pack(ErrorInfo(reason=reason, domain="voicemesh", metadata=metadata))
    if delay_s is None:
        return Status(details=packed[:1]).SerializeToString()
    retry = RetryInfo()
    retry.retry_delay.FromSeconds(delay_s)
    packed[1].Pack(retry)
    return Status(details=packed).SerializeToString()


def test_an_overload_says_when_to_come_back() -> None:
    raised = from_rpc_error(
        rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "full: wait", status("OVERLOADED", delay_s=7, limit="40"))
    )
    assert type(raised) is sdk.OverloadedError
    assert (raised.reason, raised.message, str(raised)) == ("OVERLOADED", "full: wait", "full: wait")
    assert raised.metadata == {"limit": "40"}
    assert raised.retry_after_s == 7
    assert raised.retryable
    assert raised.code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("name", [n.removeprefix("ERROR_REASON_") for n in ErrorReason.keys()[1:]])
def test_every_reason_of_the_contract_but_a_cancel_has_its_class(name: str) -> None:
    raised = from_rpc_error(rpc_error(grpc.StatusCode.ABORTED, "no", status(name)))
    assert raised.reason == name
    assert (type(raised) is sdk.VoicemeshError) == (name == "CANCELLED")


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [("CONSENT_DENIED", sdk.ConsentDeniedError), ("ERROR_REASON_CONSENT_UNKNOWN", sdk.ConsentUnknownError)],
)
def test_consent_has_a_class_of_its_own(reason: str, wanted: type[Exception]) -> None:
    raised = make_error(reason, "no")
    assert type(raised) is wanted
    assert isinstance(raised, sdk.ConsentError)
    assert not raised.retryable


@pytest.mark.parametrize(
    ("code", "wanted", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, sdk.ConnectionDroppedError, "CONNECTION_DROPPED"),
        (grpc.StatusCode.UNIMPLEMENTED, sdk.RequestError, "UNIMPLEMENTED"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, sdk.DeadlineError, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.DATA_LOSS, sdk.VoicemeshError, "DATA_LOSS"),
    ],
)
@pytest.mark.parametrize("details", [None, b"\xff\xff not a status", Status().SerializeToString()])
def test_without_a_reason_the_code_decides(code, wanted, reason: str, details: bytes | None) -> None:
    raised = from_rpc_error(rpc_error(code, "text", details))
    assert (type(raised), raised.reason) == (wanted, reason)
    assert "text" in raised.message


def test_a_lost_status_says_so() -> None:
    raised = from_rpc_error(rpc_error(grpc.StatusCode.INTERNAL, "Internal error from Core"))
    assert type(raised) is sdk.ConnectionDroppedError
    assert "lost" in raised.message


def test_a_reason_from_the_future_keeps_its_name() -> None:
    raised = from_rpc_error(rpc_error(grpc.StatusCode.UNAVAILABLE, "later", status("TOO_LOUD")))
    assert (raised.reason, type(raised)) == ("TOO_LOUD", sdk.ConnectionDroppedError)
    assert raised.retryable
