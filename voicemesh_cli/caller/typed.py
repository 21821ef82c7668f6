"""A conversation with a person at the keyboard: turn-taking, and what was said."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicemesh_cli.caller.told import outcome_document

if TYPE_CHECKING:
    import voicemesh_client as sdk


@dataclass
class Exchange:
    """What the caller said, what it meant and what the agent answered."""

    said: str = ""
    intent: str = ""
    confidence: float | None = None
    slots: dict[str, str] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)


class Dialogue:
    """The handlers of a session that keep its exchanges, spoken or typed."""

    def __init__(self) -> None:
        self.session_id = ""
        self.greeting: list[str] = []
        self.exchanges: dict[str, Exchange] = {}
        self.agent_turns = 0
        self.answered = asyncio.Event()
        self._turn_id = ""
        self._disposition: dict[str, Any] | None = None

    def on_started(self, event: sdk.SessionStarted) -> None:
        """The session lives."""
        self.session_id = event.session_id

    def on_transcript(self, event: sdk.Transcript) -> None:
        """Words of the caller; the final ones are kept."""
        if event.is_final:
            self._exchange(event.turn_id).said = event.text

    def on_understanding(self, event: sdk.Understanding) -> None:
        """Their meaning."""
        exchange = self._exchange(event.turn_id)
        exchange.intent, exchange.confidence = event.intent, event.confidence
        exchange.slots = {slot.name: slot.value for slot in event.slots}

    def on_agent_turn(self, event: sdk.AgentTurn) -> None:
        """The agent's words, kept with what they answer, else with the last exchange."""
        exchange = self.exchanges.get(event.in_reply_to) or next(reversed(self.exchanges.values()), None)
        replies = self.greeting if exchange is None else exchange.replies
        if event.turn_id == self._turn_id and replies:
            replies[-1] = event.text
            return
        self._turn_id = event.turn_id
        self.agent_turns += 1
        replies.append(event.text)

    def on_agent_turn_ended(self, _event: sdk.AgentTurnEnded) -> None:
        """The agent has said all it is going to say."""
        self.answered.set()

    def on_ended(self, event: sdk.SessionEnded) -> None:
        """The session is over."""
        self._disposition = {
            "code": event.disposition.code,
            "summary": event.disposition.summary,
            "outcome": outcome_document(event.disposition),
        }
        self.answered.set()

    def document(self) -> dict[str, Any]:
        """The conversation as JSON."""
        return {
            "session_id": self.session_id,
            "greeting": " ".join(self.greeting),
            "turns": [
                {
                    "text": exchange.said,
                    "intent": exchange.intent,
                    "confidence": exchange.confidence,
                    "slots": exchange.slots,
                    "reply": " ".join(exchange.replies),
                }
                for exchange in self.exchanges.values()
            ],
            "disposition": self._disposition,
        }

    def _exchange(self, turn_id: str) -> Exchange:
        return self.exchanges.setdefault(turn_id, Exchange())


class TypedTurns:
    """Sends typed turns, each when the one before is answered or the patience is at its end."""

    def __init__(self, session: sdk.Session, dialogue: Dialogue, *, patience_s: float) -> None:
        self._session = session
        self._dialogue = dialogue
        self._patience_s = patience_s

    async def greeted(self) -> None:
        """Waits until the agent has greeted."""
        await self._answered()

    async def say(self, text: str) -> None:
        """Says a line and waits for the answer to its end.

        Raises voicemesh_client.SessionClosedError when the session is over.
        """
        self._dialogue.answered.clear()
        known = set(self._dialogue.exchanges)
        await self._session.send_text(text)
        await self._answered()
        # The mesh does not repeat what was typed: its words are put beside their meaning here.
        for turn_id, exchange in self._dialogue.exchanges.items():
            if turn_id not in known and not exchange.said:
                exchange.said = text

    async def _answered(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                await self._dialogue.answered.wait()
        await self._session.speaker.wait_idle()
