"""The agent's turns: how they are spoken, and when they count as heard."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.dialogue import model
from services.dialogue.policy import Reply, State
from services.dialogue.ports import Voice
from services.dialogue.turn_trace import TurnTrace

_ACKNOWLEDGEMENT_GRACE_S = 20.0
"""A client that promised to acknowledge playback and does not is believed to have played so long after the end: longer
than it takes to notice that it vanished (keepalive, `mesh/server.py`), for what nobody heard has no consequences."""


@dataclass
class AgentTurn:
    """One turn of the agent, from its first word to its delivery."""

    turn_id: str
    in_reply_to: str
    reply: Reply
    state: State
    """The conversation's state once this turn is delivered."""
    trace: TurnTrace | None = None
    duration: float | None = None
    """Seconds of audio; None until all of it is made."""
    played: float = 0.0
    """Seconds the client says it has played."""
    finished: bool = False
    """Whether the client says that nothing is left to play."""
    first_audio_at: float | None = None
    delivered_at: float | None = field(default=None)
    """When it counts as heard, on the loop's clock, unless an acknowledgement comes earlier."""

    @property
    def interruptible(self) -> bool:
        """Whether the caller may talk over it: not where its delivery has consequences."""
        return not (self.reply.uninterruptible or self.reply.end or self.reply.outcomes)

    @property
    def is_heard(self) -> bool:
        """Whether all of it was sent and played."""
        return self.duration is not None and (self.finished or self.duration == 0.0)

    def sent(self, now: float, *, acknowledged: bool) -> None:
        """All audio is on its way: note when it will have been heard."""
        begin = self.first_audio_at if self.first_audio_at is not None else now
        grace = _ACKNOWLEDGEMENT_GRACE_S if acknowledged else 0.0
        self.delivered_at = begin + (self.duration or 0.0) + grace

    def latency(self) -> model.Latency | None:
        """How long the answer took; None where it answers nothing."""
        return self.trace.latency() if self.trace is not None else None

    def close(self) -> None:
        """The turn is over before its end."""
        if self.trace is not None:
            self.trace.close()


class Speaker:
    """Speaks one turn at a time to the client, or only says that it is written where the client wants no audio."""

    tasks: asyncio.TaskGroup

    def __init__(
        self,
        voice: Voice | None,
        info: model.SessionInfo,
        emit: Callable[[model.SessionOutput], Awaitable[None]],
        tell: Callable[[model.SessionInput], Awaitable[None]],
    ) -> None:
        self._voice = voice
        self._bytes_per_second = info.output_audio.bytes_per_second if info.output_audio else 1
        self._emit = emit
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def begin(self, turn: AgentTurn) -> None:
        """Begin to speak; AgentSpoke is told when all audio is sent."""
        self.stop()
        self._task = self.tasks.create_task(self._speak(turn))

    def stop(self) -> None:
        """Speak no more of the turn."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def set_language(self, language: str) -> None:
        """Speak another language from the next turn on."""
        if self._voice is not None:
            await self._voice.set_language(language)

    async def _speak(self, turn: AgentTurn) -> None:
        end = 0.0
        if self._voice is None:
            self._first(turn)
        else:
            async with contextlib.aclosing(self._voice.speak(turn.turn_id, turn.reply.sentences)) as pieces:
                async for piece in pieces:
                    self._first(turn)
                    await self._emit(model.AgentAudio(turn.turn_id, piece.data, piece.offset, piece.words))
                    end = piece.offset + len(piece.data) / self._bytes_per_second
        await self._tell(model.AgentSpoke(turn.turn_id, end))

    def _first(self, turn: AgentTurn) -> None:
        if turn.first_audio_at is None:
            turn.first_audio_at = asyncio.get_running_loop().time()
            if turn.trace is not None:
                turn.trace.answered()
