"""Who decides over drafts and conflicts: whoever makes the call, if they may."""

from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.principals import require

SCOPE = "review:decide"


def decider(named: str, field: str) -> str:
    """Return who decides.

    Args:
        named: who the request says it is, in its `field`; empty: it leaves that to the call.

    Raises:
        MeshError: UNAUTHENTICATED, PERMISSION_DENIED; INVALID_REQUEST when somebody decides in another one's name.
    """
    principal = require(SCOPE)
    if named not in {"", principal.name}:
        raise MeshError(
            ErrorReason.ERROR_REASON_INVALID_REQUEST,
            f"{field}: the call is made by {principal.name}: leave it empty, or call as who decides",
            metadata={"field": field, "rule": "principal"},
        )
    return principal.name
