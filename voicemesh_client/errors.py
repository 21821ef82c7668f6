"""What can go wrong, as typed exceptions read from the details that the mesh sends with a failed call."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from voicemesh.common.v1 import error_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

_DETAILS_KEY = "grpc-status-details-bin"
_PREFIX = "ERROR_REASON_"
# grpc.aio's own text for a write that failed because the stream was over; the stream's status is lost then.
_LOST_STATUS = "Internal error from Core"


class VoicemeshError(Exception):
    """A call to the mesh failed.

    `reason` is the name of a `voicemesh.common.v1.ErrorReason` without its prefix ("OVERLOADED"), or the name
    of the gRPC status code where no reason came along. `message` says what was wrong and what to do.
    `metadata` holds details under the keys that the reason names. `retry_after_s` says when to try again,
    None where nothing was said. `code` is the gRPC status code.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        self.retry_after_s = retry_after_s
        self.code = code

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when it is tried again, by the contract of its reason."""
        value = error_pb2.ErrorReason.DESCRIPTOR.values_by_name.get(_PREFIX + self.reason)
        if value is None:
            return self.code is grpc.StatusCode.UNAVAILABLE
        return value.GetOptions().Extensions[error_pb2.error_spec].retryable


class RequestError(VoicemeshError):
    """The request can not succeed as it is: a field, a message, an order of messages or a name is wrong."""


class InvalidAudioError(RequestError):
    """The audio is not what its format says."""


class UnrecognizedLanguageError(RequestError):
    """No engine of the mesh speaks the language; `metadata["supported"]` lists those it has."""


class SilenceTimeoutError(VoicemeshError):
    """Nothing was heard for longer than the mesh waits."""


class ConnectionDroppedError(VoicemeshError):
    """The mesh can not be reached, or vanished during the call."""


class SlowConsumerError(VoicemeshError):
    """The application took its events too slowly, so the mesh ended the session."""


class ConsentError(VoicemeshError):
    """The customer has not said yes: nothing may be said to them."""


class ConsentDeniedError(ConsentError):
    """The customer said no, or is on the suppression list."""


class ConsentUnknownError(ConsentError):
    """Nothing is known of the customer's consent: a "no" that may become a "yes"."""


class OverloadedError(VoicemeshError):
    """The mesh takes nothing more on now; `retry_after_s` says when to try again."""


class DeadlineError(VoicemeshError):
    """Time ran out."""


class AccessError(VoicemeshError):
    """The mesh does not know who asks, or the answer is no."""


class UnavailableError(VoicemeshError):
    """A part of the mesh is away for the moment, or is going away."""


class ServiceError(VoicemeshError):
    """A fault of the mesh; its logs have the details under `metadata["trace_id"]` where that is given."""


class SessionLimitError(VoicemeshError):
    """The session can not go on: it lasted too long, or its resume token is worth nothing any more."""


class SessionClosedError(VoicemeshError):
    """Something was sent after the session had ended, by either side. `reason` is "SESSION_CLOSED"."""

    def __init__(self, message: str = "the session has ended: nothing can be sent any more") -> None:
        super().__init__("SESSION_CLOSED", message, code=grpc.StatusCode.FAILED_PRECONDITION)


_BY_REASON: dict[str, type[VoicemeshError]] = {
    "INVALID_REQUEST": RequestError,
    "MALFORMED_MESSAGE": RequestError,
    "PROTOCOL_VIOLATION": RequestError,
    "NOT_FOUND": RequestError,
    "ALREADY_EXISTS": RequestError,
    "WRONG_STATE": RequestError,
    "VERSION_CONFLICT": RequestError,
    "INVALID_AUDIO": InvalidAudioError,
    "UNRECOGNIZED_LANGUAGE": UnrecognizedLanguageError,
    "ASR_TIMEOUT": SilenceTimeoutError,
    "CONNECTION_DROPPED": ConnectionDroppedError,
    "SLOW_CONSUMER": SlowConsumerError,
    "CONSENT_DENIED": ConsentDeniedError,
    "CONSENT_UNKNOWN": ConsentUnknownError,
    "OVERLOADED": OverloadedError,
    "DEADLINE_EXCEEDED": DeadlineError,
    "UNAUTHENTICATED": AccessError,
    "PERMISSION_DENIED": AccessError,
    "DEPENDENCY_UNAVAILABLE": UnavailableError,
    "SHUTTING_DOWN": UnavailableError,
    "ENGINE_FAILED": ServiceError,
    "CONTENT_UNREADABLE": ServiceError,
    "INTERNAL": ServiceError,
    "SESSION_NOT_RESUMABLE": SessionLimitError,
    "SESSION_TOO_LONG": SessionLimitError,
}
# For a call that failed without an ErrorInfo: the transport, a proxy or a foreign server ended it.
_BY_CODE: dict[grpc.StatusCode, type[VoicemeshError]] = {
    grpc.StatusCode.UNAVAILABLE: ConnectionDroppedError,
    grpc.StatusCode.INVALID_ARGUMENT: RequestError,
    grpc.StatusCode.UNIMPLEMENTED: RequestError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
    grpc.StatusCode.INTERNAL: ServiceError,
}


def from_rpc_error(error: grpc.aio.AioRpcError) -> VoicemeshError:
    """The typed exception behind a failed gRPC call, with what `google.rpc.Status` carries of it."""
    code, text = error.code(), error.details() or ""
    info, retry_after_s = _details(error)
    if info is not None:
        return make_error(info.reason, text, metadata=dict(info.metadata), retry_after_s=retry_after_s, code=code)
    if code is grpc.StatusCode.INTERNAL and text == _LOST_STATUS:
        text = "the mesh ended the stream while it was being written to; its reason was lost on the way"
        return ConnectionDroppedError("CONNECTION_DROPPED", text, code=code)
    if code is grpc.StatusCode.UNAVAILABLE:
        text = f"the mesh can not be reached or vanished: is it running at that address? ({text})"
        return ConnectionDroppedError("CONNECTION_DROPPED", text, code=code)
    return _BY_CODE.get(code, VoicemeshError)(code.name, text or f"the call ended with {code.name}", code=code)


def make_error(
    reason: str,
    message: str,
    *,
    metadata: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
) -> VoicemeshError:
    """The exception of the class that belongs to a reason ("OVERLOADED", prefix or not)."""
    name = reason.removeprefix(_PREFIX)
    error_class = _BY_REASON.get(name) or _BY_CODE.get(code, VoicemeshError)
    return error_class(name, message, metadata=metadata, retry_after_s=retry_after_s, code=code)


def _details(error: grpc.aio.AioRpcError) -> tuple[ErrorInfo | None, float | None]:
    """The ErrorInfo and the retry delay in the call's trailing metadata; None for what is not there."""
    status = Status()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return None, None  # a foreign server's own details: the status code and text still count
    info, retry, retry_after_s = ErrorInfo(), RetryInfo(), None
    for detail in status.details:
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
        else:
            detail.Unpack(info)
    return (info if info.reason else None), retry_after_s
