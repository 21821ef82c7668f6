"""One monitor stream: checks in, decisions out, and revocations as they happen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mesh.errors import ErrorReason, MeshError
from services.consent import metrics
from services.consent.handlers import Consent
from services.consent.hub import Hub, Watcher
from services.consent.model import Check, Decision, Outcome, Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """A check of the client under its own name for it. The same name again replaces the check."""

    check_id: str
    check: Check


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision for the client. `revoked`: it takes an earlier yes back."""

    check_id: str
    decision: Decision
    revoked: bool


SendAnswer: TypeAlias = Callable[[Answer], Awaitable[None]]


class Monitor:
    """What a monitor stream does between its configuration and its end.

    Args:
        consent: decides.
        hub: tells of changes in this process and, through the bus, in others.
        watch_limit: most checks a stream may watch.
    """

    def __init__(self, consent: Consent, hub: Hub, watch_limit: int) -> None:
        self._consent = consent
        self._hub = hub
        self._watch_limit = watch_limit

    async def run(self, scope: Scope, asked: AsyncIterator[Asked], send: SendAnswer) -> None:
        """Answer what is asked and push revocations until `asked` ends.

        Raises:
            MeshError: OVERLOADED when more is asked than one stream may watch; DEPENDENCY_UNAVAILABLE when the
                database doesn't answer: what cannot be watched must not look watched.
        """
        watcher = Watcher()
        with self._joined(scope.tenant_id, watcher):
            stream = _Stream(self._consent, scope, watcher, send)
            try:
                async with asyncio.TaskGroup() as tasks:
                    pushing = tasks.create_task(stream.push_revocations())
                    await self._answer(stream, watcher, asked)
                    pushing.cancel()
            except BaseExceptionGroup as group:
                # The caller knows errors by their own type, not wrapped in a group.
                raise group.exceptions[0] from group

    async def _answer(self, stream: "_Stream", watcher: Watcher, asked: AsyncIterator[Asked]) -> None:
        async for question in asked:
            if question.check_id not in watcher and len(watcher) >= self._watch_limit:
                raise self._too_many(len(watcher))
            await stream.answer(question)

    @contextlib.contextmanager
    def _joined(self, tenant_id: str, watcher: Watcher) -> Iterator[None]:
        self._hub.join(tenant_id, watcher)
        metrics.MONITORS.inc()
        try:
            yield
        finally:
            self._hub.leave(tenant_id, watcher)
            metrics.MONITORS.dec()

    def _too_many(self, watched: int) -> MeshError:
        return MeshError(
            ErrorReason.ERROR_REASON_OVERLOADED,
            f"one stream watches at most {self._watch_limit} checks; end it, or spread the checks over more",
            metadata={"limit": str(self._watch_limit), "in_progress": str(watched)},
        )


class _Stream:
    def __init__(self, consent: Consent, scope: Scope, watcher: Watcher, send: SendAnswer) -> None:
        self._consent = consent
        self._scope = scope
        self._watcher = watcher
        self._send = send
        self._checks: dict[str, Check] = {}
        self._allowed: set[str] = set()
        # One decision at a time: an answer may not overtake the one that takes it back.
        self._turn = asyncio.Lock()

    async def answer(self, asked: Asked) -> None:
        async with self._turn:
            self._checks[asked.check_id] = asked.check
            self._allowed.discard(asked.check_id)
            decision = await self._decide(asked.check_id)
            if decision.outcome is Outcome.ALLOWED:
                self._allowed.add(asked.check_id)
            await self._send(Answer(asked.check_id, decision, revoked=False))

    async def push_revocations(self) -> None:
        while True:
            for check_id in sorted(await self._watcher.touched()):
                async with self._turn:
                    await self._revoke_if_changed(check_id)

    async def _revoke_if_changed(self, check_id: str) -> None:
        if check_id not in self._allowed:
            return
        decision = await self._decide(check_id)
        if decision.outcome is Outcome.ALLOWED:
            return
        self._allowed.discard(check_id)
        metrics.REVOCATIONS.inc()
        await self._send(Answer(check_id, decision, revoked=True))

    async def _decide(self, check_id: str) -> Decision:
        def watch(keys: frozenset[str]) -> None:
            self._watcher.watch(check_id, keys)

        return await self._consent.check(self._scope, self._checks[check_id], watch)
