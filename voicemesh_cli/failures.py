"""Errors as a person or a script should see them: one sentence, a reason, an exit code."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# Of the machine, not of the program: a full disk, a folder that is somebody else's.
_DISK_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_INPUT_CODES = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE})


class CliError(Exception):
    """A failure that a sentence explains: `CliError("what was wrong and what to do")`. Exit code 1."""

    exit_code = 1


class InputError(CliError):
    """What the user gave is wrong: a file that is no audio, an option out of range. Exit code 2."""

    exit_code = 2


@dataclass(frozen=True)
class Failure:
    """Why a run failed. `reason` is an ErrorReason without its prefix where the mesh said one."""

    message: str
    exit_code: int = 1
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None

    def document(self) -> dict[str, Any]:
        """The failure as the "error" member of a JSON document; unknown members are left out."""
        members: dict[str, Any] = {"message": self.message}
        if self.reason:
            members["reason"] = self.reason
        if self.metadata:
            members["metadata"] = self.metadata
        if self.retry_after_s is not None:
            members["retry_after_s"] = self.retry_after_s
        return members


def describe(error: BaseException) -> Failure | None:
    """The failure behind an exception, or None where it is a fault of the program.

    Of a group of exceptions (from a TaskGroup) the first one that can be explained counts.
    """
    if isinstance(error, BaseExceptionGroup):
        described = (describe(inner) for inner in error.exceptions)
        return next((failure for failure in described if failure is not None), None)
    if isinstance(error, KeyboardInterrupt):
        return Failure(message="stopped", exit_code=130, reason="CANCELLED")
    if isinstance(error, CliError):
        return Failure(message=str(error), exit_code=error.exit_code)
    if isinstance(error, grpc.RpcError):
        return _of_rpc(error)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS and error.filename:
        return Failure(message=f"{error.filename} can not be read or written: {error.strerror}.")
    return _of_reason(error)


def _of_reason(error: BaseException) -> Failure | None:
    """MeshError and the SDK's errors: known by their `reason`, an ErrorReason or its name."""
    reason = getattr(error, "reason", None)
    if reason is None or not type(error).__module__.startswith(("mesh.", "voicemesh_client")):
        return None
    from voicemesh.common.v1.error_pb2 import ErrorReason  # noqa: PLC0415 - only when something went wrong

    name = ErrorReason.DESCRIPTOR.values_by_number[reason].name if isinstance(reason, int) else str(reason)
    return Failure(
        message=str(getattr(error, "message", error)),
        exit_code=_exit_code(name.removeprefix("ERROR_REASON_")),
        reason=name.removeprefix("ERROR_REASON_"),
        metadata=dict(getattr(error, "metadata", None) or {}),
        retry_after_s=getattr(error, "retry_after_s", None),
    )


def _exit_code(reason: str) -> int:
    return 2 if reason in {"INVALID_REQUEST", "INVALID_AUDIO", "UNRECOGNIZED_LANGUAGE"} else 1


def _of_rpc(error: grpc.RpcError) -> Failure:
    """A gRPC error with the google.rpc.ErrorInfo and RetryInfo it may carry."""
    if not isinstance(error, (grpc.Call, grpc.aio.AioRpcError)):
        return Failure(message=f"the call failed: {error!r}")
    code, text = error.code(), error.details() or "no details"
    exit_code = 2 if code in _INPUT_CODES else 1
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # it reads what AioRpcError has too
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        if not detail.Unpack(info):
            detail.Unpack(retry)
    if not info.reason and code == grpc.StatusCode.UNAVAILABLE:
        text = f"nothing answers there ({text}). Is the mesh running? `make up` starts one."
    if not info.reason and code == grpc.StatusCode.UNIMPLEMENTED:
        text = f"what answers there is another service ({text}) Does --target name the right one?"
    return Failure(
        message=text,
        exit_code=exit_code,
        reason=info.reason or code.name,
        metadata=dict(info.metadata),
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
    )
