"""What the policy wants done: look-ups while an answer is prepared, effects once what comes before was heard."""

from collections.abc import Callable
from dataclasses import replace

from mesh import logs
from services.dialogue.actions import Actions
from services.dialogue.policy import Action, ActionResult, CallInfo, Policy, Reply, State
from services.dialogue.snapshot import Errand

_log = logs.get_logger(__name__)
MOST_IN_A_ROW = 8
"""Actions without a word of the caller between them; one more fails."""


class Errands:
    """Does actions for one session and asks the policy how to go on.

    Args:
        policy: says how.
        actions: does them.
        call: what is known of the call now.
    """

    def __init__(self, policy: Policy, actions: Actions, call: Callable[[], CallInfo]) -> None:
        self._policy = policy
        self._actions = actions
        self._call = call

    async def carry_out(self, errand: Errand) -> tuple[State, Reply]:
        """Do an errand; return how the agent goes on."""
        result = await self._do(errand.action, errand.row, errand.key)
        return self._go_on(errand.state, result, errand.row)

    async def look_up(
        self, state: State, reply: Reply, row: int, tell: Callable[[Action | None], None]
    ) -> tuple[State, Reply, int]:
        """Do what changes nothing, until the policy has its answer or wants something changed.

        Args:
            row: how many actions in a row were done before.
            tell: is told what is being done.

        Returns:
            the state, the whole reply, and the row.
        """
        while (action := reply.action) is not None and not self._actions.has_effect(action, state.domain):
            tell(action)
            result = await self._do(action, row, "")
            state, further = self._go_on(state, result, row)
            reply, row = joined(reply, further), row + 1
        tell(None)
        return state, reply, row

    async def _do(self, action: Action, row: int, key: str) -> ActionResult:
        if row >= MOST_IN_A_ROW:
            return ActionResult(error=f"{row} actions in a row were done without a word of the caller")
        return await self._actions.run(action, self._call(), key)

    def _go_on(self, state: State, result: ActionResult, row: int) -> tuple[State, Reply]:
        state, reply = self._policy.on_action(state, result, self._call())
        if row >= MOST_IN_A_ROW and reply.action is not None:
            _log.error("action.endless", action=reply.action.name, domain=state.domain)
            reply = replace(reply, action=None)
        return state, reply


def errand(action: Action, state: State, *, session_id: str, turn_id: str, in_reply_to: str, row: int) -> Errand:
    """Return an errand. Its key names the caller's turn if it can: another process may count the agent's anew."""
    return Errand(action, state, in_reply_to, row, f"{session_id}:{in_reply_to or turn_id}:{action.name}:{row}")


def joined(first: Reply, then: Reply) -> Reply:
    """Return two replies as one: what was to be said before an action and what comes after it."""
    return replace(
        then,
        sentences=first.sentences + then.sentences,
        outcomes=first.outcomes + then.outcomes,
        uninterruptible=first.uninterruptible or then.uninterruptible,
        effective_after=_effective_after(first, then),
    )


def _effective_after(first: Reply, then: Reply) -> int | None:
    if then.outcomes:
        return None if then.effective_after is None else len(first.sentences) + then.effective_after
    if first.outcomes and first.sentences:
        return len(first.sentences) if first.effective_after is None else first.effective_after
    return None
