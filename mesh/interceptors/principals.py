"""On whose word a call is made, what for, and what that allows.

An authenticator says who the caller is. In local mode the only one is the caller: everybody is on this machine, so the
name and the purpose are taken as declared - required, written down, not proven - and what all of them may do is
configuration. A real authenticator takes its place here, and nothing behind it changes.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import unquote

from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.base import AroundInterceptor, Call

PRINCIPAL_HEADER = "voicemesh-principal"
PURPOSE_HEADER = "voicemesh-purpose"
"""Percent-encoded: headers are ASCII."""
_NAME = re.compile(r"[\w.@+:/-]{1,128}")
_LONGEST_PURPOSE = 256


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what for."""

    name: str
    purpose: str
    scopes: frozenset[str]


_current: ContextVar[Principal | None] = ContextVar("voicemesh_principal", default=None)

Authenticator = Callable[[Call], Principal | None]


class PrincipalInterceptor(AroundInterceptor):
    """Has the authenticator say who calls. Calls that need nobody in particular go on without a principal."""

    def __init__(self, authenticate: Authenticator) -> None:
        self._authenticate = authenticate

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Let the handler know who calls."""
        _current.set(self._authenticate(call))
        yield


def declared(scopes: frozenset[str]) -> Authenticator:
    """Return the authenticator of local mode: callers are who they say, and all may do the same."""

    def authenticate(call: Call) -> Principal | None:
        name = call.metadata.get(PRINCIPAL_HEADER, "")
        purpose = unquote(call.metadata.get(PURPOSE_HEADER, "")).replace("\0", "").strip()[:_LONGEST_PURPOSE]
        return Principal(name, purpose, scopes) if _NAME.fullmatch(name) and purpose else None

    return authenticate


def caller() -> Principal:
    """Return who makes the current call.

    Raises:
        MeshError: UNAUTHENTICATED when nobody says.
    """
    principal = _current.get()
    if principal is None:
        raise MeshError(
            ErrorReason.ERROR_REASON_UNAUTHENTICATED,
            f"say who asks and what for, in the metadata {PRINCIPAL_HEADER} and {PURPOSE_HEADER}",
        )
    return principal


def refusal(principal: Principal, scope: str) -> MeshError | None:
    """Return why the principal may not do what takes this scope; None: they may."""
    if scope in principal.scopes:
        return None
    return MeshError(
        ErrorReason.ERROR_REASON_PERMISSION_DENIED,
        f"this takes the scope {scope}, which {principal.name} does not have; in local mode VOICEMESH_LOCAL_SCOPES "
        "of the service grants it",
        metadata={"scope": scope},
    )


def require(scope: str) -> Principal:
    """Return who makes the current call, if they may do what takes this scope.

    Raises:
        MeshError: UNAUTHENTICATED, PERMISSION_DENIED.
    """
    principal = caller()
    refused = refusal(principal, scope)
    if refused is not None:
        raise refused
    return principal
