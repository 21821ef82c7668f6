"""What a policy is told of a call, and what a call that is over comes to."""

from datetime import datetime
from zoneinfo import ZoneInfo

from mesh import logs
from services.dialogue.model import CallerContext, Ended, SessionInfo
from services.dialogue.policy import CallInfo, OpenItem, Policy, State

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


def ended(
    policy: Policy,
    state: State | None,
    disposition: str,
    *,
    duration: float,
    caller_turns: int,
    agent_turns: int,
) -> Ended:
    """Return a call's end; an empty disposition is judged by what was achieved in `state`."""
    disposition, summary = outcome_of(policy, state, disposition)
    return Ended(
        disposition=disposition,
        summary=summary,
        intents=state.served if state else (),
        slots=state.slots if state else (),
        duration=duration,
        caller_turns=caller_turns,
        agent_turns=agent_turns,
    )


def call_info(info: SessionInfo, context: CallerContext) -> CallInfo:
    """Return what is known of a call at this moment."""
    zone = info.time_zone or "UTC"
    return CallInfo(
        domain=info.domain,
        language=info.language,
        time_zone=zone,
        now=datetime.now(ZoneInfo(zone)),
        direction=info.direction,
        contact_name=context.name,
        open_items=tuple(OpenItem(*item) for item in context.open_items),
        flow=info.flow,
    )
