"""The agent's side of a conversation: one turn at a time, spoken, paused, taken up again, broken off, heard."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from services.dialogue import model
from services.dialogue.policy import Reply, State
from services.dialogue.ports import CallRecord
from services.dialogue.snapshot import AgentSnapshot
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.speaker import Speaker
from services.dialogue.turns.speech import Speech
from services.dialogue.turns.trace import TurnTrace
from services.dialogue.turns.wording import Wording

Emit = Callable[[model.SessionOutput], Awaitable[None]]


class AgentSide:
    """Holds the agent's turn, if there is one.

    Args:
        speaker: speaks to the client.
        emit: sends to the client.
        record: takes down what was heard.
        acknowledged: whether the client says what it has played.
        turns: how many turns the agent has begun.
    """

    def __init__(self, speaker: Speaker, emit: Emit, record: CallRecord, *, acknowledged: bool, turns: int = 0) -> None:
        self.speaker = speaker
        self.turn: AgentTurn | None = None
        self.turns = turns
        self.spoke_at: datetime | None = None
        """When the last turn was over."""
        self.away = False
        """Whether the client is away: nothing counts as heard meanwhile."""
        self._emit = emit
        self._record = record
        self._acknowledged = acknowledged
        self._loop = asyncio.get_running_loop()

    async def say(
        self,
        reply: Reply,
        state: State,
        *,
        in_reply_to: str = "",
        trace: TurnTrace | None = None,
        words: Wording | None = None,
        speech: Speech | None = None,
        filler: bool = False,
        row: int = 0,
        not_before: float = 0.0,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        """Begin a turn. There must be none. `words` grow where the reply is not all there is to say."""
        assert self.turn is None
        self.turns += 1
        turn = AgentTurn(
            f"a{self.turns}",
            in_reply_to,
            reply,
            state,
            trace,
            filler=filler,
            acknowledged=self._acknowledged,
            row=row,
            not_before=not_before,
            on_close=on_close,
        )
        self.turn = turn
        await self._emit(model.AgentBegins(turn.turn_id, in_reply_to, reply.text))
        self.speaker.begin(turn, words or Wording(reply), speech)

    async def grow(self, reply: Reply, state: State, *, done: bool) -> None:
        """There is more to say than was known; the client is told all of it once that is known."""
        turn = self.turn
        assert turn is not None
        turn.reply, turn.state = reply, state
        if done:
            await self._emit(model.AgentBegins(turn.turn_id, turn.in_reply_to, reply.text))

    async def again(self, taken: AgentSnapshot) -> None:
        """Say a turn that another process began, from its beginning: the client plays what it has not played."""
        self.turn = AgentTurn(
            taken.turn_id,
            taken.in_reply_to,
            taken.reply,
            taken.state,
            filler=taken.filler,
            acknowledged=self._acknowledged,
            effective=taken.effective,
            row=taken.row,
        )
        await self._emit(model.AgentBegins(taken.turn_id, taken.in_reply_to, taken.reply.text))
        self.speaker.begin(self.turn, Wording(taken.reply))

    async def pause(self) -> None:
        """Let the client stop, perhaps for a moment only."""
        if self.turn is not None and not self.turn.paused:
            self.turn.pause(self._loop.time())
            await self._emit(model.StopPlayback(self.turn.turn_id, may_resume=True))

    async def resume(self) -> None:
        """Let the client go on where it stopped."""
        if self.turn is not None and self.turn.paused:
            self.turn.resume(self._loop.time())
            await self._emit(model.ResumePlayback(self.turn.turn_id))

    async def break_off(self) -> tuple[AgentTurn, str]:
        """End the turn before its end: what the caller has heard of it is taken down. Return both."""
        turn, self.turn = self.turn, None
        assert turn is not None
        self.speaker.stop()
        turn.close()
        now = self._loop.time()
        heard, played = turn.heard_text(now), turn.played(now)
        await self._emit(model.StopPlayback(turn.turn_id))
        await self._emit(model.AgentEnded(turn.turn_id, played, interrupted=True, latency=turn.latency()))
        if heard:
            await self._record.spoke(turn.turn_id, heard, turn.state)
        self.spoke_at = datetime.now(UTC)
        return turn, heard

    async def spoke(self, item: model.AgentSpoke) -> None:
        """All audio of the turn was sent."""
        turn = self.turn
        if turn is not None and turn.turn_id == item.turn_id:
            turn.duration = item.duration
            await self._emit(model.AgentEnded(turn.turn_id, item.duration, interrupted=False, latency=turn.latency()))

    def played(self, item: model.Playback) -> None:
        """The client says what it has played."""
        if self.turn is not None and self.turn.turn_id == item.turn_id:
            self.turn.play(item.played, finished=item.finished)

    async def take_effect(self) -> bool:
        """Let the turn's outcomes take effect if enough of it was heard; say whether they did just now."""
        turn = self.turn
        if turn is None or turn.effective or self.away or not turn.takes_effect(self._loop.time()):
            return False
        turn.effective = True
        if not turn.filler:
            await self._record.took_effect(turn.turn_id, turn.reply.outcomes, turn.state)
        return True

    async def deliver(self) -> AgentTurn | None:
        """Return the turn if it was heard to its end just now; there is none after that."""
        turn = self.turn
        if turn is None or self.away or not turn.is_delivered(self._loop.time()):
            return None
        self.turn = None
        self.spoke_at = datetime.now(UTC)
        await self._record.spoke(turn.turn_id, turn.reply.text, turn.state)
        return turn

    def due(self) -> float | None:
        """When something of the turn is due, on the loop's clock."""
        if self.turn is None or self.away:
            return None
        moments = [m for m in (self.turn.effect_due(self._loop.time()), self.turn.delivery_due) if m is not None]
        return min(moments, default=None)

    async def close(self) -> None:
        """The session is over: what was heard of a turn is taken down."""
        self.speaker.stop()
        turn, self.turn = self.turn, None
        if turn is None:
            return
        turn.close()
        heard = turn.heard_text(self._loop.time())
        if heard:
            await self._record.spoke(turn.turn_id, heard, turn.state)
