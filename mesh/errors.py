"""Errors with a reason: code, retryability and metadata keys are data in `common/v1/error.proto`."""

from collections.abc import Mapping
from typing import TypeAlias

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from voicemesh.common.v1 import error_pb2
from voicemesh.common.v1.error_pb2 import ErrorReason

Reason: TypeAlias = "error_pb2.ErrorReason.ValueType"

DOMAIN = "voicemesh"
_PREFIX = "ERROR_REASON_"

__all__ = ["DOMAIN", "ErrorReason", "MeshError", "from_rpc_error", "name_of", "protocol_violation", "spec_of"]


def name_of(reason: Reason) -> str:
    """Return a reason's name as ErrorInfo carries it, for example "INVALID_AUDIO"."""
    return ErrorReason.Name(reason).removeprefix(_PREFIX)


def spec_of(reason: Reason) -> error_pb2.ErrorReasonSpec:
    """Return what follows from a reason: its options in the proto."""
    value = error_pb2.ErrorReason.DESCRIPTOR.values_by_number[reason]
    return value.GetOptions().Extensions[error_pb2.error_spec]


class MeshError(Exception):
    """A refusal or failure that the caller is told of, with a reason and advice.

    Args:
        reason: why; decides the status code and which metadata may be carried.
        message: what was wrong and what to do, for a person.
        retry_after_s: seconds after which trying again makes sense.
        metadata: details, under keys that the reason names.

    Raises:
        ValueError: when a metadata key is not one of the reason's.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        self.metadata = dict(metadata or {})
        unknown = set(self.metadata) - set(spec_of(reason).metadata_keys)
        if unknown:
            raise ValueError(f"{name_of(reason)} carries no metadata {sorted(unknown)}; see error.proto")

    def __str__(self) -> str:
        return f"{name_of(self.reason)}: {self.message}"

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code that the reason's option names."""
        number = spec_of(self.reason).code
        return next(code for code in grpc.StatusCode if code.value[0] == number)

    def to_status(self) -> grpc.Status:
        """Return the status a call ends with: google.rpc.Status with ErrorInfo and, if known, RetryInfo."""
        info = any_pb2.Any()
        info.Pack(error_details_pb2.ErrorInfo(reason=name_of(self.reason), domain=DOMAIN, metadata=self.metadata))
        details = [info]
        if self.retry_after_s is not None:
            delay = duration_pb2.Duration()
            delay.FromNanoseconds(int(self.retry_after_s * 1e9))
            retry = any_pb2.Any()
            retry.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
            details.append(retry)
        return rpc_status.to_status(status_pb2.Status(code=self.code.value[0], message=self.message, details=details))

    def to_proto(self) -> error_pb2.Error:
        """Return the error as a message on a stream that goes on."""
        error = error_pb2.Error(reason=self.reason, message=self.message, metadata=self.metadata)
        if self.retry_after_s is not None:
            error.retry_after.FromNanoseconds(int(self.retry_after_s * 1e9))
        return error


def protocol_violation(expected: str, received: str) -> MeshError:
    """Return the error for a stream's message that comes at the wrong time."""
    return MeshError(
        ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
        f"received {received} where {expected} was expected; send {expected} first",
        metadata={"expected": expected, "received": received},
    )


def from_rpc_error(error: grpc.aio.AioRpcError, dependency: str = "") -> MeshError:
    """Return what another service's answer means for our caller.

    A reason of the mesh is passed on as it is; anything else is DEPENDENCY_UNAVAILABLE.
    """
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if (
            detail.Unpack(info)
            and info.domain == DOMAIN
            and _PREFIX + info.reason in ErrorReason.DESCRIPTOR.values_by_name
        ):
            reason = ErrorReason.Value(_PREFIX + info.reason)
            return MeshError(reason, error.details() or "", metadata=dict(info.metadata))
    return MeshError(
        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        f"{dependency or 'a service'} does not answer ({error.code().name}: {error.details()}); try again",
        metadata={"dependency": dependency},
    )
