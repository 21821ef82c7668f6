"""Does actions: with a time limit, a span, figures, and every failure as a result."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace

from mesh import logs, telemetry
from services.dialogue import metrics
from services.dialogue.actions.catalogue import ActionCatalogue
from services.dialogue.actions.model import ActionError, ActionSpec
from services.dialogue.policy import Action, ActionResult, CallInfo

_log = logs.get_logger(__name__)
_tracer = telemetry.tracer(__name__)
_TIMEOUT_S = 5.0


class Actions:
    """Does what policies ask for.

    Args:
        catalogue: which actions there are.
        timeout_s: of an action that says nothing of it.
    """

    def __init__(self, catalogue: ActionCatalogue | None = None, timeout_s: float = _TIMEOUT_S) -> None:
        self._catalogue = catalogue or ActionCatalogue()
        self._timeout_s = timeout_s

    def of(self, domain: str) -> Mapping[str, ActionSpec]:
        """Return a domain's actions by name."""
        return self._catalogue.of(domain)

    def has_effect(self, action: Action, domain: str) -> bool:
        """Return whether it changes anything: the more careful of the policy's word and the action's own."""
        spec = self.of(domain).get(action.name)
        return action.effect or (spec is not None and spec.effect)

    async def run(self, action: Action, call: CallInfo, key: str) -> ActionResult:
        """Do an action; nothing it does raises but being cancelled.

        Args:
            key: the same whenever this action is repeated; told to what changes something.
        """
        spec = self.of(call.domain).get(action.name)
        if spec is None:
            _log.error("action.unknown", action=action.name, domain=call.domain)
            metrics.ACTIONS.labels("unknown", "unknown").inc()
            return ActionResult(error=f"domain {call.domain!r} has no action {action.name!r}; see docs/actions.md")
        effect = self.has_effect(action, call.domain)
        with _tracer.start_as_current_span(
            "action", attributes={"voicemesh.action": spec.name, "voicemesh.effect": effect}
        ) as span:
            began, outcome = asyncio.get_running_loop().time(), "cancelled"
            try:
                result, outcome = await self._try(spec, action, replace(call, action_key=key if effect else ""))
            finally:
                span.set_attribute("voicemesh.result", outcome)
                metrics.ACTIONS.labels(spec.name, outcome).inc()
                metrics.ACTION_SECONDS.labels(spec.name).observe(asyncio.get_running_loop().time() - began)
        if result.error:
            _log.warning("action.failed", action=spec.name, effect=effect, error=result.error)
        return result

    async def _try(self, spec: ActionSpec, action: Action, call: CallInfo) -> tuple[ActionResult, str]:
        limit = action.timeout or spec.timeout or self._timeout_s
        try:
            async with asyncio.timeout(limit):
                values = await spec.act(action.arguments, call)
            return ActionResult({name: _text(value) for name, value in values.items() if value is not None}), "done"
        except TimeoutError:
            return ActionResult(error=f"it took longer than {limit:g} s"), "timeout"
        except ActionError as error:
            return ActionResult(error=str(error) or "it failed"), "failed"
        except Exception as error:  # noqa: BLE001 - other people's code: whatever it raises is a failure, not our end
            _log.exception("action.raised", action=spec.name)
            return ActionResult(error=f"it raised {type(error).__name__}"), "raised"


def _text(value: object) -> str:
    """Return a value as a policy reads it; JSON's own words for truth values, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)
