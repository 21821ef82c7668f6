"""Sessions whose process died get their outcome all the same: every call leaves exactly one.

A process renews the lease of the sessions it holds - of these alone: a name may come back with the next process. A
session that is not renewed for the lease's length has lost its process; whoever finds it first closes it, with what
its last delivered turn had achieved.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from opentelemetry import context as otel
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh import logs, telemetry
from mesh.database import transaction
from services.dialogue import metrics, model
from services.dialogue.adapters.events import CallEvents
from services.dialogue.adapters.outcomes import read_outcome
from services.dialogue.adapters.recorder import Recorder
from services.dialogue.adapters.records import close_session
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.dispositions.summarisers import summary_of
from services.dialogue.outcome import outcome_of
from services.dialogue.policy import Policy, State, StateError

_log = logs.get_logger(__name__)
LOOKS = 3
"""How often a lease that ran out is seen, unchanged, before its session is closed. The looks are as far apart as the
renewals, so that after an outage of the database those who live renew first."""


class Recovery:
    """Renews this process's sessions and closes those of dead processes."""

    def __init__(self, engine: AsyncEngine, recorder: Recorder, policy: Policy, lease_s: float) -> None:
        self._engine = engine
        self._recorder = recorder
        self._policy = policy
        self._lease = timedelta(seconds=lease_s)
        # When each expired session was last renewed, and how often it was seen so.
        self._seen: dict[str, tuple[datetime, int]] = {}

    async def run(self) -> None:
        """Work for ever; a database that fails is tried again next time."""
        while True:
            try:
                await self.renew()
                await self.recover()
            except (SQLAlchemyError, OSError) as error:
                # Others may not have reached it either: their leases say nothing.
                self._seen.clear()
                _log.warning("recovery.waiting", error=repr(error))
            await asyncio.sleep(self._lease.total_seconds() / LOOKS)

    async def renew(self) -> None:
        """Renew the lease of this process's sessions."""
        if not self._recorder.live:
            return
        # What the recorder writes to right now is renewed the next time: two transactions that wait for each
        # other's rows would hold all sessions up until the database breaks one off.
        mine = (
            sa.select(SESSIONS.c.session_id)
            .where(SESSIONS.c.session_id.in_(sorted(self._recorder.live)), SESSIONS.c.ended_at.is_(None))
            .with_for_update(skip_locked=True)
        )
        async with transaction(self._engine) as connection:
            free = (await connection.execute(mine)).scalars().all()
            await connection.execute(
                sa.update(SESSIONS).where(SESSIONS.c.session_id.in_(free)).values(renewed_at=datetime.now(UTC))
            )

    async def recover(self) -> int:
        """Look for leases that ran out, close the sessions that were seen so often enough; say how many."""
        lost = datetime.now(UTC) - self._lease
        query = sa.select(SESSIONS).where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.renewed_at < lost)
        async with self._engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        self._seen = {row["session_id"]: (row["renewed_at"], self._looks(row) + 1) for row in rows}
        closed = 0
        for row in rows:
            if self._looks(row) >= LOOKS:
                closed += await self._close(row)
        return closed

    def _looks(self, row: dict[str, Any]) -> int:
        renewed_at, looks = self._seen.get(row["session_id"], (None, 0))
        return looks if renewed_at == row["renewed_at"] else 0

    async def _close(self, row: dict[str, Any]) -> bool:
        at = datetime.now(UTC)
        state = _state(row)
        events = CallEvents(_info(row))
        events.contact_id = row["contact_id"]
        events.learn_name(state)
        token = otel.attach(telemetry.extract({"traceparent": row["trace"]}))
        try:
            async with self._recorder.outbox.transaction() as connection:
                end = await self._end(connection, row, state)
                closed = await close_session(connection, row["session_id"], end, at, renewed_at=row["renewed_at"])
                if closed:
                    outbox = self._recorder.outbox
                    end = await self._recorder.file(connection, row["session_id"], end)
                    await outbox.add_versions(connection, events.completed_versions(end, None, at))
                    await outbox.add(connection, events.conversation_ended(end, at))
        finally:
            otel.detach(token)
        if closed:
            self._recorder.filed()
            metrics.RECOVERED.inc()
            _log.warning("session.recovered", session_id=row["session_id"], disposition=end.disposition)
        return closed

    async def _end(self, connection: AsyncConnection, row: dict[str, Any], state: State | None) -> model.Ended:
        disposition, summary = outcome_of(self._policy, state)
        outcome = await read_outcome(connection, row["session_id"], state, disposition)
        query = (
            sa.select(TURNS.c.speaker, sa.func.count().label("turns"))
            .where(TURNS.c.session_id == row["session_id"])
            .group_by(TURNS.c.speaker)
        )
        turns = {row.speaker: row.turns for row in await connection.execute(query)}
        end = model.Ended(
            disposition=disposition,
            summary=summary,
            intents=state.served if state else (),
            slots=state.slots if state else (),
            duration=(row["renewed_at"] - row["started_at"]).total_seconds(),
            caller_turns=turns.get("caller", 0),
            agent_turns=turns.get("agent", 0),
            outcome=outcome,
        )
        return replace(end, summary=summary_of(end, row["language"]))


def _state(row: dict[str, Any]) -> State | None:
    if not row["state"]:
        return None
    try:
        return State.from_json(row["state"])
    except StateError as error:
        _log.error("session.state_unreadable", session_id=row["session_id"], error=str(error))
        return None


def _info(row: dict[str, Any]) -> model.SessionInfo:
    keys = ("session_id", "tenant_id", "region", "correlation_id", "language", "domain", "direction")
    return model.SessionInfo(
        **{key: row[key] for key in keys}, customer_id=row["customer_id"], phone=row["phone"], time_zone="UTC"
    )
