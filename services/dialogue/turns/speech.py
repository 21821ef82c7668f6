"""The voice of one agent's turn: its first sentence may be made before anybody knows that it will be wanted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count

from services.dialogue.model import Word
from services.dialogue.ports import Voice

_PIECES = 256
_numbers = count()


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of a turn's speech; seconds count from the beginning of the turn."""

    data: bytes
    offset: float
    words: tuple[Word, ...]
    sentence: int


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """All speech of a sentence is made; it ends at `end` seconds."""

    sentence: int
    end: float


class Speech:
    """Makes the speech of a turn, sentence by sentence; beyond the first only once it is wanted.

    At most 256 pieces wait; when they are that many, the voice waits.

    Args:
        voice: what speaks.
        sentences: what it says, as it becomes known.
        bytes_per_second: of the session's output format.
        tasks: where the making runs.
    """

    def __init__(
        self, voice: Voice, sentences: AsyncIterator[str], bytes_per_second: int, tasks: asyncio.TaskGroup
    ) -> None:
        self._voice = voice
        self._sentences = sentences
        self._bytes_per_second = bytes_per_second
        self._name = f"u{next(_numbers)}"
        self._pieces: asyncio.Queue[Spoken | SentenceEnd | None] = asyncio.Queue(_PIECES)
        self._wanted = asyncio.Event()
        self.began = asyncio.get_running_loop().time()
        self.first_piece_at: float | None = None
        """When the first piece was made, on the loop's clock."""
        self._task = tasks.create_task(self._make())

    def cancel(self) -> None:
        """Make no more."""
        self._task.cancel()

    async def pieces(self) -> AsyncIterator[Spoken | SentenceEnd]:
        """Yield the speech of all sentences as it is made; iterate once."""
        self._wanted.set()
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def _make(self) -> None:
        end = 0.0
        index = 0
        async for sentence in self._sentences:
            if index:
                await self._wanted.wait()
            end = await self._speak(index, sentence, end)
            await self._pieces.put(SentenceEnd(index, end))
            index += 1
        await self._pieces.put(None)

    async def _speak(self, index: int, sentence: str, begin: float) -> float:
        end = begin
        async with contextlib.aclosing(self._voice.speak(f"{self._name}.{index}", [sentence])) as pieces:
            async for piece in pieces:
                if self.first_piece_at is None:
                    self.first_piece_at = asyncio.get_running_loop().time()
                words = tuple(_moved(word, begin) for word in piece.words)
                await self._pieces.put(Spoken(piece.data, begin + piece.offset, words, index))
                end = begin + piece.offset + len(piece.data) / self._bytes_per_second
        return end


def _moved(word: Word, by: float) -> Word:
    return Word(word.text, word.start + by, word.end + by, word.confidence)
