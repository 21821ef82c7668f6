"""What one call leaves in the database: its session, its turns and its events."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.database import insert_once
from services.dialogue import model
from services.dialogue.adapters.events import CallEvents
from services.dialogue.adapters.recorder import Recorder
from services.dialogue.adapters.redaction import redacted, without_personal
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.policy import Outcome, State


@contextlib.contextmanager
def stored_call(recorder: Recorder, info: model.SessionInfo) -> Iterator["StoredCall"]:
    """Make a call's record; while the context lasts the session counts as alive.

    What is left open when it ends - a process killed, an end that could not be written - is closed by `Recovery`.
    """
    recorder.live.add(info.session_id)
    try:
        yield StoredCall(recorder, info)
    finally:
        recorder.live.discard(info.session_id)


class StoredCall:
    """One call's record in the dialogue's database. Made by `stored_call(...)`."""

    def __init__(self, recorder: Recorder, info: model.SessionInfo) -> None:
        self._recorder = recorder
        self._info = info
        self._events = CallEvents(info)
        self._contact_name = ""

    async def started(self, at: datetime) -> None:
        """The call began."""
        info = self._info
        row = {
            "session_id": info.session_id,
            **self._tags(),
            "domain": info.domain,
            "direction": info.direction,
            "customer_id": info.customer_id,
            "phone": info.phone,
            "labels": dict(info.labels),
            "instance": self._recorder.instance,
            "started_at": at,
            "renewed_at": at,
            "trace": telemetry.inject().get("traceparent", ""),
        }
        event = self._events.started(at)

        async def write(connection: AsyncConnection) -> None:
            await insert_once(connection, SESSIONS, row, unique=["session_id"])
            await self._recorder.outbox.add(connection, event)

        await self._recorder.put(info.session_id, write)

    def identified(self, contact_id: str, name: str) -> None:
        """The records know the caller: what follows is theirs."""
        self._events.contact_id, self._contact_name = contact_id, name

    async def turn(self, turn_id: str, heard: model.Heard, understanding: model.Understanding) -> None:
        """A caller's turn is over; its meaning is empty where it was not answered."""
        at = datetime.now(UTC)
        row = {
            **self._turn_row(turn_id, "caller", redacted(heard.text, understanding.entities), at),
            "intent": understanding.intent,
            "start_s": heard.start,
            "end_s": heard.end,
            "confidence": heard.confidence,
        }
        events = [
            self._events.transcribed(turn_id, heard, at),
            self._events.understood(turn_id, heard, understanding, at),
        ]
        await self._write(row, events)

    async def took_effect(self, turn_id: str, outcomes: Sequence[Outcome], state: State) -> None:
        """Enough of an agent's turn was heard: its outcomes take effect."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        made = [self._events.outcome(turn_id, index, o, at) for index, o in enumerate(outcomes)]
        snapshot = (
            sa.update(SESSIONS)
            .where(SESSIONS.c.session_id == self._info.session_id)
            .values(state=state.to_json(), renewed_at=at)
        )
        await self._write(None, [event for event in made if event is not None], snapshot)

    async def spoke(self, turn_id: str, text: str, state: State) -> None:
        """An agent's turn is over: the words that the caller has heard."""
        words = without_personal(text, state, self._contact_name)
        row = {**self._turn_row(turn_id, "agent", words, datetime.now(UTC))}
        await self._write({**row, "intent": "", "start_s": 0.0, "end_s": 0.0}, [])

    async def ended(self, end: model.Ended, state: State | None, sentiment: float | None) -> None:
        """The call is over: returns once its one outcome is on disk."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        events = [self._events.completed(end, sentiment, at), self._events.conversation_ended(end, at)]

        async def write(connection: AsyncConnection) -> None:
            if await close_session(connection, self._info.session_id, end, at):
                for event in events:
                    await self._recorder.outbox.add(connection, event)

        await (await self._recorder.put(self._info.session_id, write))

    async def _write(
        self, row: dict[str, object] | None, events: Sequence[Message], *statements: sa.Executable
    ) -> None:
        async def write(connection: AsyncConnection) -> None:
            if row is not None:
                await insert_once(connection, TURNS, row, unique=["session_id", "turn_id"])
            for statement in statements:
                await connection.execute(statement)
            for event in events:
                await self._recorder.outbox.add(connection, event)

        await self._recorder.put(self._info.session_id, write)

    def _tags(self) -> dict[str, str]:
        info = self._info
        return {
            "tenant_id": info.tenant_id,
            "region": info.region,
            "correlation_id": info.correlation_id,
            "language": info.language,
        }

    def _turn_row(self, turn_id: str, speaker: str, text: str, at: datetime) -> dict[str, object]:
        return {
            "session_id": self._info.session_id,
            "turn_id": turn_id,
            **self._tags(),
            "speaker": speaker,
            "text": text,
            "recorded_at": at,
        }


async def close_session(
    connection: AsyncConnection,
    session_id: str,
    end: model.Ended,
    at: datetime,
    *,
    renewed_at: datetime | None = None,
) -> bool:
    """Mark a session as ended; False when it was already: whoever closes it first writes its outcome.

    With `renewed_at`, also False when its lease was renewed since. The state has served: it goes.
    """
    statement = (
        sa.update(SESSIONS)
        .where(SESSIONS.c.session_id == session_id, SESSIONS.c.ended_at.is_(None))
        .values(ended_at=at, disposition=end.disposition, summary=end.summary, state=None)
    )
    if renewed_at is not None:
        statement = statement.where(SESSIONS.c.renewed_at == renewed_at)
    return (await connection.execute(statement)).rowcount == 1
