"""The dialogue's use cases: hold a conversation, look a session up, list the domains."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from services.dialogue import metrics, model
from services.dialogue.actions import Actions
from services.dialogue.adapters.outcomes import stored_outcome
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.admission import Places
from services.dialogue.call import Call, Calls, Connection, Returning, new_token, not_resumable, session_of
from services.dialogue.dispositions.model import CallOutcome
from services.dialogue.keeper import Keeper
from services.dialogue.limits import Limits
from services.dialogue.line import Line
from services.dialogue.phrases import Phrases
from services.dialogue.policy import DomainInfo, Policy
from services.dialogue.ports import CallRecord, Neighbours, SnapshotsAwayError, SnapshotStore
from services.dialogue.refusals import going_away, unsupported_language
from services.dialogue.session import Session
from services.dialogue.snapshot import AudioSnapshot, Snapshot, SnapshotError
from services.dialogue.turns.habits import SpeechHabits

_log = logs.get_logger(__name__)


@dataclass(frozen=True)
class SessionSummary:
    """A session as it stands."""

    session_id: str
    running: bool
    disposition: str
    summary: str
    outcome: CallOutcome | None = None
    """What both sides agreed on; None while it runs."""


class Conversations:
    """Holds the process's conversations.

    Args:
        policy: decides the agent's words.
        neighbours: opens the streams to the other services.
        record: makes the record of one call; while its context lasts the call counts as alive.
        engine: the dialogue's database.
        limits: for speaking callers.
        text_silence_s: silence of a typing caller before a prompt.
        places: for sessions at once.
        draining: set when the process is going away.
        instance: this process's name.
        phrases: words that are likely in answers.
        habits: how people speak.
        actions: what can be done for callers.
        time_zones: of each domain, for sessions that name none.
        calls: the calls in progress.
        snapshots: where sessions are kept for other instances.
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
        places: Places,
        draining: asyncio.Event,
        instance: str,
        phrases: Phrases,
        habits: SpeechHabits,
        actions: Actions,
        time_zones: Mapping[str, str],
        calls: Calls,
        snapshots: SnapshotStore,
    ) -> None:
        self._time_zones = time_zones
        self._calls = calls
        self._snapshots = snapshots
        self._phrases = phrases
        self._habits = habits
        self._actions = actions
        self._policy = policy
        self._neighbours = neighbours
        self._record = record
        self._engine = engine
        self._limits = limits
        self._text_silence_s = text_silence_s
        self._places = places
        self._draining = draining
        self._instance = instance

    async def converse(self, info: model.SessionInfo, connection: Connection) -> None:
        """Begin a conversation and hold it over its first connection.

        Raises:
            MeshError: the domain, language or time zone is unknown, there are too many sessions, and what
                `Session.run` and `Call.serve` raise.
        """
        self._domain(info)
        time_zone = info.time_zone or self._time_zones.get(info.domain, "UTC")
        info = replace(info, session_id=uuid.uuid4().hex, time_zone=time_zone)
        admitted = self._admit()
        token = new_token(info.session_id) if self._limits.resume_s else ""
        call = self._begin(info, admitted, token=token, line=Line(self._limits.resume_s))
        await call.begin(connection)

    async def resume(self, returning: Returning, connection: Connection) -> None:
        """Go on with a conversation over another connection, whichever instance had it.

        Raises:
            MeshError: SESSION_NOT_RESUMABLE, SHUTTING_DOWN, OVERLOADED, and what `Call.resume` raises.
        """
        if self._draining.is_set():
            raise going_away()
        call = self._calls.find(returning.token) or await self._take_over(returning)
        await call.resume(connection, returning)

    async def _take_over(self, returning: Returning) -> Call:
        """Go on with a session that another instance had."""
        session_id = session_of(returning.token)
        try:
            stored = await self._snapshots.load(session_id)
            snapshot = Snapshot.from_json(stored.document) if stored is not None else None
        except SnapshotError as error:
            raise not_resumable(f"where it stood cannot be read: {error}") from error
        except SnapshotsAwayError as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                "where the session stood cannot be looked up now; try again",
                retry_after_s=0.2,
                metadata={"dependency": "nats"},
            ) from error
        if stored is None or snapshot is None or not snapshot.is_for(returning.token):
            raise not_resumable("there is no such session, or it is over")
        self._domain(snapshot.info)
        admitted = self._admit()
        keeper = Keeper(self._snapshots, session_id, stored.revision)
        taken = replace(
            snapshot,
            owner=self._instance,
            audio=_replayed(snapshot.audio, returning.first_audio),
            next_sequence=max(snapshot.next_sequence, (returning.received or -1) + 1),
        )
        if not await keeper.write(taken):
            admitted.close()
            raise not_resumable("another instance has just taken it")
        _log.info("session.took_over", session_id=session_id, previous=snapshot.owner)
        metrics.TAKEN_OVER.inc()
        line = Line(
            self._limits.resume_s,
            next_sequence=taken.next_sequence,
            next_audio=taken.audio.sequence,
            last_request=taken.last_request,
        )
        return self._begin(taken.info, admitted, token=returning.token, line=line, taken=(taken, keeper))

    def _begin(
        self,
        info: model.SessionInfo,
        admitted: contextlib.ExitStack,
        *,
        token: str,
        line: Line,
        taken: tuple[Snapshot, Keeper] | None = None,
    ) -> Call:
        """Let a session run, new or taken over."""
        snapshot, keeper = taken or (None, Keeper(self._snapshots, info.session_id) if token else None)
        domain, limits = self._domain(info), self._limits_for(info)

        def started(*, resumed: bool) -> model.Started:
            return model.Started(
                info, self._instance, token, limits.resume_s, resumed, line.next_audio, line.last_request
            )

        async def run() -> None:
            with admitted, self._record(info) as record:
                session = Session(
                    info,
                    policy=self._policy,
                    neighbours=self._neighbours,
                    record=record,
                    emit=line.emit,
                    limits=limits,
                    supported_languages=domain.languages,
                    phrases=self._phrases,
                    habits=self._habits,
                    actions=self._actions,
                    line=line,
                    keeper=keeper,
                    token=token,
                    taken=snapshot,
                )
                await session.run(line.inputs(), started(resumed=False), self._draining)

        call = Call(info.session_id, line, lambda: started(resumed=True), token)
        self._calls.begin(call, run)
        return call

    def _limits_for(self, info: model.SessionInfo) -> Limits:
        if info.input_audio is None:
            return replace(self._limits, silence_s=self._text_silence_s)
        return self._limits

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
        return SessionSummary(
            session_id,
            row["ended_at"] is None,
            row["disposition"] or "",
            row["summary"] or "",
            stored_outcome(row["outcome"]),
        )

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

    def _admit(self) -> contextlib.ExitStack:
        """Take a place for a session, given back when the context is left.

        Raises:
            MeshError: SHUTTING_DOWN, OVERLOADED.
        """
        if self._draining.is_set():
            raise going_away()
        return self._places.take()


def _replayed(audio: AudioSnapshot, first: int | None) -> AudioSnapshot:
    """Where audio goes on when the client can send it from frame `first` on: what lies before is lost."""
    if first is None or first <= audio.sequence:
        return audio
    return replace(audio, sequence=first, place=audio.place + (first - audio.sequence) * audio.frame_s)


def _not_found(kind: str, name: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"there is no {kind} {name!r}; {advice}",
        metadata={"kind": kind, "name": name},
    )
