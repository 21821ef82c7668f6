"""What a policy is told of a call, and what a call that is over comes to."""

from datetime import datetime
from zoneinfo import ZoneInfo

from mesh import logs
from services.dialogue.model import CallerContext, Ended, SessionInfo
from services.dialogue.policy import CallInfo, OpenItem, Policy, State

_log = logs.get_logger(__name__)
_NOTHING_SETTLED = "caller_hung_up"
_INTERRUPTED = "service_interrupted"


def outcome_of(
    policy: Policy, state: State | None, disposition: str = "", *, interrupted: bool = False
) -> tuple[str, str]:
    """Return a call's disposition and summary; an empty disposition is judged by what was achieved.

    A call that the mesh itself broke off (`interrupted`) before anything was settled was not the caller's doing.

    A policy that fails - a domain that is gone, a script that changed - must not cost the call its outcome.
    """
    unsettled = _INTERRUPTED if interrupted else _NOTHING_SETTLED
    if state is None:
        return disposition or unsettled, ""
    try:
        disposition = disposition or policy.abandon(state)
        if disposition == _NOTHING_SETTLED:
            disposition = unsettled
        return disposition, policy.summarise(state, disposition)
    except Exception:  # noqa: BLE001 - see above; policies are swappable
        _log.exception("outcome.not_judged", domain=state.domain)
        return disposition or unsettled, ""


def ended(
    policy: Policy,
    state: State | None,
    disposition: str,
    *,
    interrupted: bool,
    duration: float,
    caller_turns: int,
    agent_turns: int,
) -> Ended:
    """Return a call's end; an empty disposition is judged by what was achieved in `state`."""
    disposition, summary = outcome_of(policy, state, disposition, interrupted=interrupted)
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
        stage=context.stage,
        interactions=context.interactions,
        last_interaction=context.last_interaction,
        suppressed=context.suppressed,
        flow=info.flow,
    )
