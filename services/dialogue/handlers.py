"""The dialogue's use cases: hold a conversation, look a session up, list the domains."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.errors import ErrorReason, MeshError
from services.dialogue import metrics, model
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.phrases import Phrases
from services.dialogue.policy import DomainInfo, Policy
from services.dialogue.ports import CallRecord, Neighbours
from services.dialogue.refusals import going_away, unsupported_language
from services.dialogue.session import Limits, Session
from services.dialogue.turns.agent_side import Emit
from services.dialogue.turns.habits import SpeechHabits


@dataclass(frozen=True)
class SessionSummary:
    """A session as it stands."""

    session_id: str
    running: bool
    disposition: str
    summary: str


class Conversations:
    """Holds the process's conversations.

    Args:
        policy: decides the agent's words.
        neighbours: opens the streams to the other services.
        record: makes the record of one call; while its context lasts the call counts as alive.
        engine: the dialogue's database.
        limits: for speaking callers.
        text_silence_s: silence of a typing caller before a prompt.
        max_sessions: sessions at once.
        draining: set when the process is going away.
        instance: this process's name.
        phrases: words that are likely in answers.
        habits: how people speak.
        time_zones: of each domain, for sessions that name none.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        neighbours: Neighbours,
        record: Callable[[model.SessionInfo], contextlib.AbstractContextManager[CallRecord]],
        engine: AsyncEngine,
        limits: Limits,
        text_silence_s: float,
        max_sessions: int,
        draining: asyncio.Event,
        instance: str,
        phrases: Phrases,
        habits: SpeechHabits,
        time_zones: Mapping[str, str],
    ) -> None:
        self._time_zones = time_zones
        self._phrases = phrases
        self._habits = habits
        self._policy = policy
        self._neighbours = neighbours
        self._record = record
        self._engine = engine
        self._limits = limits
        self._text_silence_s = text_silence_s
        self._max_sessions = max_sessions
        self._draining = draining
        self._instance = instance
        self._sessions = 0

    async def converse(self, info: model.SessionInfo, incoming: AsyncIterator[model.CallerInput], emit: Emit) -> None:
        """Hold one conversation.

        Raises:
            MeshError: the domain, language or time zone is unknown, there are too many sessions, and what
                `Session.run` raises.
        """
        domain = self._domain(info)
        time_zone = info.time_zone or self._time_zones.get(info.domain, "UTC")
        info = replace(info, session_id=uuid.uuid4().hex, time_zone=time_zone)
        limits = self._limits
        if info.input_audio is None:
            limits = replace(limits, silence_s=self._text_silence_s)
        with self._admitted(), self._record(info) as record:
            session = Session(
                info,
                policy=self._policy,
                neighbours=self._neighbours,
                record=record,
                emit=emit,
                limits=limits,
                supported_languages=domain.languages,
                phrases=self._phrases,
                habits=self._habits,
            )
            await session.run(incoming, self._instance, self._draining)

    async def find(self, tenant_id: str, session_id: str) -> SessionSummary:
        """Return a session of a tenant.

        Raises:
            MeshError: NOT_FOUND; DEPENDENCY_UNAVAILABLE while the database is away.
        """
        query = sa.select(SESSIONS).where(SESSIONS.c.session_id == session_id, SESSIONS.c.tenant_id == tenant_id)
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).mappings().first()
        except (SQLAlchemyError, OSError) as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                "the dialogue's database is away; ask again in a moment",
                retry_after_s=1.0,
                metadata={"dependency": "database"},
            ) from error
        if row is None:
            raise _not_found("session", session_id, "check the id and the tenant")
        return SessionSummary(session_id, row["ended_at"] is None, row["disposition"] or "", row["summary"] or "")

    def domains(self) -> tuple[DomainInfo, ...]:
        """Return the domains that can be conversed in."""
        return self._policy.domains()

    def _domain(self, info: model.SessionInfo) -> DomainInfo:
        domains = {domain.name: domain for domain in self._policy.domains()}
        domain = domains.get(info.domain)
        if domain is None:
            raise _not_found("domain", info.domain, f"use one of {', '.join(sorted(domains))}")
        if info.flow and info.flow not in domain.flows:
            raise _not_found("flow", info.flow, f"use one of {', '.join(domain.flows)}")
        primary = info.language.partition("-")[0].lower()
        if primary not in {tag.partition("-")[0].lower() for tag in domain.languages}:
            raise unsupported_language(info.language, domain.languages)
        try:
            ZoneInfo(info.time_zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_REQUEST,
                f"context.time_zone {info.time_zone!r} is no IANA time zone; use one such as America/New_York",
                metadata={"field": "start.context.time_zone", "rule": "time_zone"},
            ) from None
        return domain

    @contextlib.contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._draining.is_set():
            raise going_away()
        if self._sessions >= self._max_sessions:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                "all lines are busy; try again in a few seconds",
                retry_after_s=5.0,
                metadata={"limit": str(self._max_sessions), "in_progress": str(self._sessions)},
            )
        self._sessions += 1
        metrics.SESSIONS.set(self._sessions)
        try:
            yield
        finally:
            self._sessions -= 1
            metrics.SESSIONS.set(self._sessions)


def _not_found(kind: str, name: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"there is no {kind} {name!r}; {advice}",
        metadata={"kind": kind, "name": name},
    )
