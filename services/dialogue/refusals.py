"""Why a session ends badly, each with a sentence that says what to do."""

from mesh.errors import ErrorReason, MeshError
from services.dialogue.model import ConsentDecision


def consent_withheld(*, denied: bool, reason: str) -> MeshError:
    """Return the error for a call without the customer's consent; `denied`: they said no."""
    kind = ErrorReason.ERROR_REASON_CONSENT_DENIED if denied else ErrorReason.ERROR_REASON_CONSENT_UNKNOWN
    advice = "do not call this customer" if denied else "record the customer's consent before calling"
    return MeshError(
        kind,
        f"no consent for this call ({reason}); {advice}",
        metadata={"purpose": "service", "decision_reason": reason},
    )


def unsupported_language(language: str, supported: tuple[str, ...]) -> MeshError:
    """Return the error for a language that the session's domain does not speak."""
    return MeshError(
        ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE,
        f"language {language!r} is not spoken here; use one of {', '.join(supported)}",
        metadata={"language": language, "supported": ",".join(supported)},
    )


def unheard_language(language: str, supported: tuple[str, ...]) -> MeshError:
    """Return the error for a spoken session in a language that the recogniser does not know."""
    known = ", ".join(supported) or "none"
    return MeshError(
        ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE,
        f"language {language!r} is not recognised when it is spoken here; speak one of {known}, or send text",
        metadata={"language": language, "supported": ",".join(supported)},
    )


def nothing_heard(limit_s: float) -> MeshError:
    """Return the error for a caller who stays silent."""
    return MeshError(
        ErrorReason.ERROR_REASON_ASR_TIMEOUT,
        f"nothing was heard for {limit_s:g} s, three times in a row; check the microphone and start again",
        metadata={"limit_s": f"{limit_s:g}"},
    )


def session_too_long(limit_s: float) -> MeshError:
    """Return the error for a session at its limit."""
    return MeshError(
        ErrorReason.ERROR_REASON_SESSION_TOO_LONG,
        f"the session reached its limit of {limit_s:g} s; start a new one",
        metadata={"limit_s": f"{limit_s:g}"},
    )


def going_away() -> MeshError:
    """Return the error for a session whose process goes away before the caller does."""
    return MeshError(
        ErrorReason.ERROR_REASON_SHUTTING_DOWN,
        "this instance is going away; connect to another",
        retry_after_s=0.5,
    )


def is_going_away(error: MeshError | None) -> bool:
    """Return whether this is what ended a call: the process went away."""
    return error is not None and error.reason == ErrorReason.ERROR_REASON_SHUTTING_DOWN


def connection_dropped() -> MeshError:
    """Return the error for a stream that ends without a word."""
    return MeshError(
        ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
        "the client's stream ended without EndSession; send it before closing",
        metadata={"peer": "client"},
    )


def require_consent(decision: ConsentDecision) -> None:
    """Raise what `consent_withheld` makes unless the decision is a yes."""
    if not decision.allowed:
        raise consent_withheld(denied=decision.denied, reason=decision.reason)
