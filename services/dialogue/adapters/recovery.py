"""Sessions whose process died get their outcome all the same: every call leaves exactly one.

A process renews its sessions' lease. A session that was not renewed for the lease's length has lost its process;
whoever finds it first closes it, with what its last delivered turn had achieved.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from opentelemetry import context as otel
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh import logs, telemetry
from mesh.database import transaction
from services.dialogue import metrics, model
from services.dialogue.adapters.events import CallEvents
from services.dialogue.adapters.records import Recorder, close_session
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.policy import Policy, State

_log = logs.get_logger(__name__)


class Recovery:
    """Renews this process's sessions and closes those of dead processes."""

    def __init__(self, engine: AsyncEngine, recorder: Recorder, policy: Policy, lease_s: float) -> None:
        self._engine = engine
        self._recorder = recorder
        self._policy = policy
        self._lease = timedelta(seconds=lease_s)

    async def run(self) -> None:
        """Work for ever; a database that fails is tried again next time."""
        while True:
            try:
                await self.renew()
                await self.recover()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("recovery.waiting", error=repr(error))
            await asyncio.sleep(self._lease.total_seconds() / 3)

    async def renew(self) -> None:
        """Renew the lease of this process's sessions."""
        async with transaction(self._engine) as connection:
            await connection.execute(
                sa.update(SESSIONS)
                .where(SESSIONS.c.instance == self._recorder.instance, SESSIONS.c.ended_at.is_(None))
                .values(renewed_at=datetime.now(UTC))
            )

    async def recover(self) -> int:
        """Close the sessions whose lease ran out; say how many."""
        lost = datetime.now(UTC) - self._lease
        query = sa.select(SESSIONS).where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.renewed_at < lost)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        closed = 0
        for row in rows:
            closed += await self._close(dict(row))
        return closed

    async def _close(self, row: dict[str, Any]) -> bool:
        at = datetime.now(UTC)
        state = State.from_json(row["state"]) if row["state"] else None
        disposition = self._policy.abandon(state) if state else "caller_hung_up"
        end = model.Ended(
            disposition=disposition,
            summary=self._policy.summarise(state, disposition) if state else "",
            intents=state.served if state else (),
            slots=state.slots if state else (),
            duration=(row["renewed_at"] - row["started_at"]).total_seconds(),
            caller_turns=state.turns if state else 0,
            agent_turns=0,
        )
        events = CallEvents(_info(row))
        events.learn_name(state)
        token = otel.attach(telemetry.extract({"traceparent": row["trace"]}))
        try:
            async with self._recorder.outbox.transaction() as connection:
                closed = await close_session(connection, row["session_id"], end, at)
                if closed:
                    await self._recorder.outbox.add(connection, events.completed(end, None, at))
        finally:
            otel.detach(token)
        if closed:
            metrics.RECOVERED.inc()
            _log.warning("session.recovered", session_id=row["session_id"], disposition=disposition)
        return closed


def _info(row: dict[str, Any]) -> model.SessionInfo:
    keys = ("session_id", "tenant_id", "region", "correlation_id", "language", "domain", "direction")
    return model.SessionInfo(
        **{key: row[key] for key in keys}, customer_id=row["customer_id"], phone=row["phone"], time_zone="UTC"
    )
