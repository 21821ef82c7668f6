"""What one call leaves in the database: its session, its turns and its events."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh import telemetry
from mesh.database import insert_once
from services.dialogue import model
from services.dialogue.adapters.events import CallEvents
from services.dialogue.adapters.outcomes import appointment_of, outcome_column, read_outcome, turn_columns
from services.dialogue.adapters.personal import speaks_of_card
from services.dialogue.adapters.recorder import Recorder
from services.dialogue.adapters.redaction import found_names, redacted, without_personal
from services.dialogue.adapters.store import SESSIONS, TURNS
from services.dialogue.dispositions.summarisers import summarised, summary_of
from services.dialogue.policy import Outcome, State
from services.dialogue.tape import Tape

if TYPE_CHECKING:
    from services.dialogue.dispositions.model import Appointment

_AROUND_S = 0.2
"""Of a turn's audio that is kept, what lies before its first word and behind its last."""
_GO_ON = 4
"""Words of an agent that asks for nothing new."""
_RECORDINGS_WITHIN_S = 3.0
_SUMMARY_WITHIN_S = 3.0
"""What a summariser may take. The caller has hung up by then; the process may be about to go away."""


@contextlib.contextmanager
def stored_call(recorder: Recorder, info: model.SessionInfo) -> Iterator["StoredCall"]:
    """Make a call's record; while the context lasts the session counts as alive.

    What is left open when it ends - a process killed, an end that could not be written - is closed by `Recovery`.
    """
    recorder.live.add(info.session_id)
    call = StoredCall(recorder, info)
    recorder.calls[info.session_id] = call.events
    try:
        yield call
    finally:
        recorder.calls.pop(info.session_id, None)
        recorder.live.discard(info.session_id)


class StoredCall:
    """One call's record in the dialogue's database. Made by `stored_call(...)`."""

    def __init__(self, recorder: Recorder, info: model.SessionInfo) -> None:
        self._recorder = recorder
        self._info = info
        self.events = self._events = CallEvents(info)
        self._contact_unsaved = False
        self._tape: Tape | None = None
        self._appointment: Appointment | None = None
        # The caller's last turn, and where it began in seconds on the audio clock.
        self._learned: tuple[str, float] | None = None

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
        self._contact_unsaved = self._contact_unsaved or contact_id != self._events.contact_id
        self._events.contact_id, self._events.contact_name = contact_id, name

    def tape(self, form: model.AudioFormat, begin: float) -> Tape | None:
        """Return what the caller's audio goes on, from this place on; None: it is not kept."""
        if self._recorder.recordings is not None:
            self._tape = Tape(form, begin)
        return self._tape

    async def turn(self, turn_id: str, heard: model.Heard, understanding: model.Understanding) -> None:
        """A caller's turn is over; its meaning is empty where it was not answered."""
        at = datetime.now(UTC)
        language, names = self._info.language, self._events.names
        self._events.learn_names(found_names(heard.text, understanding.entities, language))
        of_card = self._events.of_card
        said = redacted(heard.text, understanding.entities, language, names, of_card=of_card)
        self._events.of_card = "[card]" in said
        row = {
            **self._turn_row(turn_id, "caller", said, at),
            "intent": understanding.intent,
            "start_s": heard.start,
            "end_s": heard.end,
            "confidence": heard.confidence,
            **turn_columns(turn_id, heard, understanding, language, names, of_card=of_card),
        }
        events = [
            self._events.transcribed(turn_id, heard, at),
            self._events.understood(turn_id, heard, understanding, at),
        ]
        self._learned = (turn_id, heard.start)
        written = await self._write(row, events)
        if self._tape is not None and self._recorder.recordings is not None and heard.end > heard.start:
            clip = self._tape.clip(heard.start - _AROUND_S, heard.end + _AROUND_S)
            if clip:
                self._recorder.recordings.offer(self._info.tenant_id, self._info.session_id, turn_id, clip, written)

    async def took_effect(self, turn_id: str, outcomes: Sequence[Outcome], state: State) -> None:
        """Enough of an agent's turn was heard: its outcomes take effect."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        made = [self._events.outcome(turn_id, index, o, at, self._learned) for index, o in enumerate(outcomes)]
        self._appointment = appointment_of(outcomes, self._appointment)
        values: dict[str, object] = {"state": state.to_json(), "renewed_at": at}
        if self._appointment is not None:
            values["appointment"] = asdict(self._appointment)
        snapshot = sa.update(SESSIONS).where(SESSIONS.c.session_id == self._info.session_id).values(**values)
        await self._write(None, [event for event in made if event is not None], snapshot)

    async def spoke(self, turn_id: str, text: str, state: State) -> None:
        """An agent's turn is over: the words that the caller has heard."""
        words = without_personal(text, state, self._events.contact_name)
        # Who tells a card in groups goes on after an agent's "Go on.".
        goes_on = self._events.of_card and len(text.split()) <= _GO_ON
        self._events.of_card = goes_on or speaks_of_card(text)
        row = {**self._turn_row(turn_id, "agent", words, datetime.now(UTC))}
        await self._write({**row, "intent": "", "start_s": 0.0, "end_s": 0.0}, [])

    async def written(self) -> None:
        """Return once all that was put here is on disk."""

        async def nothing(_: AsyncConnection) -> None:
            """Come after what was put before."""

        await (await self._recorder.put(self._info.session_id, nothing))

    async def ended(self, end: model.Ended, state: State | None, sentiment: float | None) -> model.Ended:
        """The call is over: returns its one outcome, with all its facts, once it is on disk."""
        at = datetime.now(UTC)
        self._events.learn_name(state)
        summary = ""
        made = end

        async def write(connection: AsyncConnection) -> None:
            nonlocal made
            made = await self._put_together(connection, end, state, summary)
            if await close_session(connection, self._info.session_id, made, at):
                outbox = self._recorder.outbox
                made = await self._recorder.file(connection, self._info.session_id, made)
                await outbox.add_versions(connection, self._events.completed_versions(made, sentiment, at))
                await outbox.add(connection, self._events.conversation_ended(made, at))

        try:
            summary = await self._other_summary(end, state)
            if self._recorder.recordings is not None:
                await self._recorder.recordings.settled(self._info.session_id, _RECORDINGS_WITHIN_S)
        finally:
            # Who cuts this off cuts the summariser off, not the record.
            written = await self._recorder.put(self._info.session_id, write)
        await written
        self._recorder.filed()
        return made

    async def _put_together(
        self, connection: AsyncConnection, end: model.Ended, state: State | None, summary: str = ""
    ) -> model.Ended:
        """The end with what both sides said; all turns are written by now. Without a summary the facts make one."""
        name = self._events.contact_name
        outcome = await read_outcome(connection, self._info.session_id, state, end.disposition, name)
        end = replace(end, outcome=outcome)
        return replace(end, summary=summary or summary_of(end, self._info.language))

    async def _other_summary(self, end: model.Ended, state: State | None) -> str:
        """The words of a summariser that is plugged in; empty: there is none, or it failed."""
        if self._recorder.summariser is None:
            return ""
        facts = end

        async def read(connection: AsyncConnection) -> None:
            nonlocal facts
            facts = await self._put_together(connection, end, state)

        await (await self._recorder.put(self._info.session_id, read))
        return await summarised(self._recorder.summariser, facts, self._info.language, _SUMMARY_WITHIN_S)

    async def _write(
        self, row: dict[str, object] | None, events: Sequence[Message], *statements: sa.Executable
    ) -> asyncio.Future[None]:
        """Have something written; the future is done once it is."""
        if self._contact_unsaved:
            # With the next turn: who the caller is must outlive the process, but nothing waits for it.
            mine = SESSIONS.c.session_id == self._info.session_id
            statements += (sa.update(SESSIONS).where(mine).values(contact_id=self._events.contact_id),)
            self._contact_unsaved = False

        async def write(connection: AsyncConnection) -> None:
            if row is not None:
                await insert_once(connection, TURNS, row, unique=["session_id", "turn_id"])
            for statement in statements:
                await connection.execute(statement)
            for event in events:
                await self._recorder.outbox.add(connection, event)

        return await self._recorder.put(self._info.session_id, write)

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
        .values(
            ended_at=at,
            disposition=end.disposition,
            summary=end.summary,
            outcome=outcome_column(end.outcome),
            state=None,
        )
    )
    if renewed_at is not None:
        statement = statement.where(SESSIONS.c.renewed_at == renewed_at)
    return (await connection.execute(statement)).rowcount == 1
