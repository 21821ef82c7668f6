"""The dialogue's tables with a recorder, and one call to put into them."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.database import transaction
from services.dialogue import model
from services.dialogue.adapters.recorder import Recorder
from services.dialogue.adapters.records import StoredCall
from services.dialogue.adapters.recovery import LOOKS, Recovery
from services.dialogue.adapters.store import OUTBOX, SESSIONS
from services.dialogue.flow import installed_policy
from services.dialogue.policy import CallInfo, Outcome, State

INFO = model.SessionInfo(
    session_id="s1",
    tenant_id="acme",
    region="eu",
    correlation_id="corr",
    language="en-US",
    time_zone="UTC",
    domain="clinic",
    direction="inbound",
    phone="+15555550123",
)
POLICY = installed_policy()
END = model.Ended("appointment_booked", "Booked.", ("book_appointment",), (), 12.5, 2, 3)
HEARD = model.Heard(0, "My number is 555 0123 thanks", is_final=True, start=1.0, end=2.0, confidence=0.9)
UNDERSTOOD = model.Understanding(
    HEARD.text, "inform", 0.8, entities=(model.Entity("phone", "+15555550123", "555 0123", 13, 21, 0.9),)
)


@dataclass
class CallStore:
    """A database with a recorder."""

    engine: AsyncEngine
    recorder: Recorder

    async def rows(self, table: sa.Table) -> list[dict]:
        async with self.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]

    async def events(self) -> list[str]:
        """The events' names; of later versions than the first with the version before them: `v2.CallCompleted`."""
        names = [row["type"].removeprefix("voicemesh.events.") for row in await self.rows(OUTBOX)]
        return [name.removeprefix("v1.") for name in names]

    async def written(self) -> None:
        """Return once all that was put before is on disk."""

        async def nothing(_: object) -> None:
            """Writes nothing."""

        await (await self.recorder.put("", nothing))


def state() -> State:
    """A conversation's first state."""
    return POLICY.start(CallInfo("clinic", "en-US", "UTC", datetime.now(UTC)))[0]


async def make_call(store: CallStore, info: model.SessionInfo = INFO) -> StoredCall:
    """A call with one turn of each side, not ended."""
    call = StoredCall(store.recorder, info)
    await call.started(datetime.now(UTC))
    await call.turn("c1", HEARD, UNDERSTOOD)
    outcome = Outcome("AppointmentRequested", {"service": "cleaning", "nonsense": "x"}, 0.9)
    await call.took_effect("a2", [outcome], state())
    await call.spoke("a2", "Booked.", state())
    return call


async def lose(store: CallStore, session_id: str = "s1", **values: object) -> None:
    """Let the session's lease have run out, as if its process had died an hour ago."""
    await store.written()
    async with transaction(store.engine) as connection:
        await connection.execute(
            sa.update(SESSIONS)
            .where(SESSIONS.c.session_id == session_id)
            .values(renewed_at=datetime.now(UTC) - timedelta(hours=1), **values)
        )


async def looks(*recoveries: Recovery, times: int = LOOKS) -> int:
    closed = 0
    for _ in range(times):
        closed += sum(await asyncio.gather(*(one.recover() for one in recoveries)))
    return closed
