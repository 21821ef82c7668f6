"""What the policy wants done: look-ups while an answer is prepared, effects once what comes before was heard."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from mesh import logs
from services.dialogue.actions import Actions
from services.dialogue.policy import (
    Action,
    ActionResult,
    CallInfo,
    Policy,
    Reply,
    State,
    Understanding,
)
from services.dialogue.snapshot import Errand
from services.dialogue.streaming import Draft, StreamingPolicy

_log = logs.get_logger(__name__)
_STILL_S = 2.5
"""A look-up behind words that are said already has its filler follow them after so long."""
MOST_IN_A_ROW = 8
"""Actions without a word of the caller between them; one more fails."""

Drafts = AsyncGenerator[Draft, None]


@dataclass(frozen=True)
class Step:
    """How far an answer is, and how many actions in a row were done for it."""

    draft: Draft
    row: int


class Errands:
    """Asks the policy, and does what it wants done, for one session.

    Args:
        policy: says what is said and done.
        actions: does it.
        call: what is known of the call now.
    """

    def __init__(self, policy: Policy, actions: Actions, call: Callable[[], CallInfo]) -> None:
        self._policy = policy
        self._actions = actions
        self._call = call

    @property
    def streams(self) -> bool:
        """Whether the policy's answers take their time."""
        return isinstance(self._policy, StreamingPolicy)

    async def respond(self, state: State, understanding: Understanding) -> Drafts:
        """Yield the policy's answer to a caller's turn, as it comes."""
        call = self._call()
        if isinstance(self._policy, StreamingPolicy):
            async with contextlib.aclosing(self._policy.answer(state, understanding, call)) as drafts:
                async for draft in drafts:
                    yield draft
        else:
            yield Draft(*self._policy.respond(state, understanding, call))

    async def carry_out(self, errand: Errand) -> Drafts:
        """Do an errand; yield how the agent goes on."""
        result = await self._do(errand.action, errand.row, errand.key)
        async with contextlib.aclosing(self._go_on(errand.state, result, errand.row)) as drafts:
            async for draft in drafts:
                yield draft

    async def look_up(
        self, drafts: Drafts, row: int, tell: Callable[[Action | None], None]
    ) -> AsyncGenerator[Step, None]:
        """Do what changes nothing, until the policy has its answer or wants something changed.

        Args:
            drafts: of the answer up to its first action.
            row: how many actions in a row were done before.
            tell: is told what is being done.

        Yields:
            the whole answer as it grows; while something is looked up the reply has that action.
        """
        before: Reply | None = None
        while True:
            last = None
            async with contextlib.aclosing(drafts):
                async for draft in drafts:
                    last = draft if before is None else replace(draft, reply=joined(before, draft.reply))
                    looks_up = last.done and self._looks_up(last)
                    yield Step(replace(last, done=last.done and not looks_up), row)
            if last is None or last.reply.action is None or not self._looks_up(last):
                return
            action, before = last.reply.action, replace(last.reply, action=None)
            tell(action)
            async with asyncio.TaskGroup() as tasks:
                doing = tasks.create_task(self._do(action, row, ""))
                if before.sentences and action.filler and not (await asyncio.wait([doing], timeout=_STILL_S))[0]:
                    before = replace(before, sentences=(*before.sentences, action.filler))
                    yield Step(replace(last, reply=replace(before, action=action), done=False), row)
            tell(None)
            drafts, row = self._go_on(last.state, doing.result(), row), row + 1

    def _looks_up(self, draft: Draft) -> bool:
        action = draft.reply.action
        return action is not None and not self._actions.has_effect(action, draft.state.domain)

    async def _do(self, action: Action, row: int, key: str) -> ActionResult:
        if row >= MOST_IN_A_ROW:
            return ActionResult(error=f"{row} actions in a row were done without a word of the caller")
        return await self._actions.run(action, self._call(), key)

    async def _go_on(self, state: State, result: ActionResult, row: int) -> Drafts:
        call = self._call()
        if not isinstance(self._policy, StreamingPolicy):
            yield _ended(Draft(*self._policy.on_action(state, result, call)), row)
            return
        async with contextlib.aclosing(self._policy.answer_action(state, result, call)) as drafts:
            async for draft in drafts:
                yield _ended(draft, row)


def _ended(draft: Draft, row: int) -> Draft:
    """Take a further action away from an answer that had too many."""
    if row < MOST_IN_A_ROW or draft.reply.action is None:
        return draft
    _log.error("action.endless", action=draft.reply.action.name, domain=draft.state.domain)
    return replace(draft, reply=replace(draft.reply, action=None))


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
