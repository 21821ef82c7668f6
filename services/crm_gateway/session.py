"""Accompanying one call: its caller's context at once, and again whenever it changes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from mesh import logs
from mesh.backoff import backoff_s
from mesh.errors import MeshError
from services.crm_gateway import metrics
from services.crm_gateway.handlers import Contexts
from services.crm_gateway.hub import Hub, Watcher
from services.crm_gateway.model import CallerContext, ContactKey, LiveCall, Scope

Tell: TypeAlias = Callable[[CallerContext], Awaitable[None]]
_log = logs.get_logger(__name__)
_RETRY_FIRST_S = 0.2
_RETRY_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Learned:
    """A name of the caller that the call learned."""

    key: ContactKey
    certain: bool
    """Whether the dialogue identified the caller by it. A number that was only said counts while nobody is known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An intent of the caller."""

    intent: str
    confidence: float | None
    at_s: float | None


@dataclass(frozen=True, slots=True)
class Felt:
    """How the caller feels, from -1 to 1."""

    score: float
    confidence: float | None
    at_s: float | None


class CallSession:
    """One call. The first context is sent without waiting for anything but the store, and not long for that."""

    def __init__(self, scope: Scope, key: ContactKey | None, contexts: Contexts, hub: Hub, tell: Tell) -> None:
        self._scope = scope
        self._key = key
        self._contexts = contexts
        self._hub = hub
        self._tell = tell
        self._watcher = Watcher()
        self._watcher.live = LiveCall(scope.session_id) if scope.session_id else None
        self._told = CallerContext(datetime.now(UTC))

    async def run(self, learned: AsyncIterator[Learned | Wanted | Felt]) -> None:
        """Send contexts until what is learned ends."""
        with metrics.SESSIONS.track_inprogress(), self._hub.watching(self._scope.tenant_id, self._watcher):
            self._watch()
            await self._begin()
            async with asyncio.TaskGroup() as tasks:
                pusher = tasks.create_task(self._push())
                async for each in learned:
                    if isinstance(each, Learned):
                        self._learn(each)
                    elif self._watcher.live is not None:
                        self._watcher.live = _with(self._watcher.live, each)
                pusher.cancel()

    async def _begin(self) -> None:
        context = CallerContext(datetime.now(UTC))
        if self._key is not None:
            seen = self._contexts.seen(self._scope, self._key)
            context = seen if seen is not None else await self._first_read(self._key)
        await self._send(context)
        if context.stale:
            self._watcher.wake()

    async def _first_read(self, key: ContactKey) -> CallerContext:
        try:
            return await self._contexts.read(self._scope, key)
        except MeshError:
            # The call goes on without: what is known comes when the store answers.
            return CallerContext(datetime.now(UTC), stale=True)

    def _learn(self, learned: Learned) -> None:
        if learned.key == self._key or not (learned.certain or self._told.contact is None):
            return
        self._key = learned.key
        self._watch()
        self._watcher.wake()

    async def _push(self) -> None:
        """Look again whenever there is a reason to; send what is new."""
        failures = 0
        while True:
            await self._watcher.woken()
            key = self._key
            if key is None:
                continue
            try:
                context = await self._contexts.read(self._scope, key)
            except MeshError as error:
                failures += 1
                _log.warning("crm.context_late", session_id=self._scope.session_id, error=str(error))
                await asyncio.sleep(backoff_s(failures, first_s=_RETRY_FIRST_S, limit_s=_RETRY_LIMIT_S))
                self._watcher.wake()
                continue
            failures = 0
            # What was read for a name the call no longer goes by is not its caller's.
            if key == self._key and replace(context, as_of=self._told.as_of) != self._told:
                await self._send(context)

    async def _send(self, context: CallerContext) -> None:
        self._told = context
        self._watch()
        metrics.PUSHES.inc()
        await self._tell(context)

    def _watch(self) -> None:
        keys = set(self._told.contact.keys) if self._told.contact else set()
        self._watcher.keys = frozenset(keys | ({self._key} if self._key else set()))
        self._watcher.contact_id = self._told.contact.contact_id if self._told.contact else ""


def _with(call: LiveCall, learned: Wanted | Felt) -> LiveCall:
    if isinstance(learned, Wanted):
        return replace(call, intent=learned.intent, intent_confidence=learned.confidence, at_s=learned.at_s)
    return replace(call, sentiment=learned.score, sentiment_confidence=learned.confidence, at_s=learned.at_s)
