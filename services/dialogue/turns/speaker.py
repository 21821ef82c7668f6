"""Speaks the agent's turns to the client, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from services.dialogue import model
from services.dialogue.ports import Voice
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.speech import SentenceEnd, Speech
from services.dialogue.turns.wording import Wording


class Speaker:
    """Speaks one turn at a time, or only says that it is written where the client wants no audio.

    Args:
        voice: what speaks; None: the agent writes.
        info: the session's.
        emit: sends to the client; waits while the client reads slowly.
        tell: tells the session.
        tasks: where the speaking runs.
    """

    def __init__(
        self,
        voice: Voice | None,
        info: model.SessionInfo,
        emit: Callable[[model.SessionOutput], Awaitable[None]],
        tell: Callable[[model.SessionInput], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._voice = voice
        self._bytes_per_second = info.output_audio.bytes_per_second if info.output_audio else 1
        self._emit = emit
        self._tell = tell
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._speech: Speech | None = None

    @property
    def speaks(self) -> bool:
        """Whether the client hears the agent; else it reads."""
        return self._voice is not None

    def prepare(self, words: Wording) -> Speech | None:
        """Begin to make the first sentence; nothing is sent. None where nothing is spoken."""
        if self._voice is None or (words.done and not words.reply.sentences):
            return None
        return Speech(self._voice, words.sentences(), self._bytes_per_second, self._tasks)

    def begin(self, turn: AgentTurn, words: Wording, speech: Speech | None = None) -> None:
        """Begin to speak, with what was prepared if it was; AgentSpoke is told when all audio is sent."""
        self.stop()
        self._speech = speech or self.prepare(words)
        self._task = self._tasks.create_task(self._speak(turn, words, self._speech))

    def stop(self) -> None:
        """Speak no more of the turn."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._speech is not None:
            self._speech.cancel()
            self._speech = None

    async def set_language(self, language: str) -> None:
        """Speak another language from the next turn on."""
        if self._voice is not None:
            await self._voice.set_language(language)

    async def _speak(self, turn: AgentTurn, words: Wording, speech: Speech | None) -> None:
        if speech is None:
            self._first(turn, None)
            await words.whole()
        else:
            async for piece in speech.pieces():
                if isinstance(piece, SentenceEnd):
                    turn.sentence_ends.append(piece.end)
                    continue
                self._first(turn, speech)
                if len(turn.sentence_starts) == piece.sentence:
                    turn.sentence_starts.append(piece.offset)
                turn.words.extend(piece.words)
                turn.made = piece.offset + len(piece.data) / self._bytes_per_second
                await self._emit(model.AgentAudio(turn.turn_id, piece.data, piece.offset, piece.words))
        await self._tell(model.AgentSpoke(turn.turn_id, turn.made))

    def _first(self, turn: AgentTurn, speech: Speech | None) -> None:
        if turn.first_audio_at is None:
            turn.first_audio_at = asyncio.get_running_loop().time()
            if turn.trace is not None:
                began = speech.began if speech is not None else turn.first_audio_at
                made = (speech.first_piece_at if speech is not None else None) or turn.first_audio_at
                turn.trace.answered(began, made)
