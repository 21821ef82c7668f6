"""What a call that is over comes to."""

from mesh import logs
from services.dialogue.policy import Policy, State

_log = logs.get_logger(__name__)
_NOTHING_SETTLED = "caller_hung_up"


def outcome_of(policy: Policy, state: State | None, disposition: str = "") -> tuple[str, str]:
    """Return a call's disposition and summary; an empty disposition is judged by what was achieved.

    A policy that fails - a domain that is gone, a script that changed - must not cost the call its outcome.
    """
    if state is None:
        return disposition or _NOTHING_SETTLED, ""
    try:
        disposition = disposition or policy.abandon(state)
        return disposition, policy.summarise(state, disposition)
    except Exception:  # noqa: BLE001 - see above; policies are swappable
        _log.exception("outcome.not_judged", domain=state.domain)
        return disposition or _NOTHING_SETTLED, ""
