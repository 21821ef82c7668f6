"""A stream of hypotheses: each is answered as it comes, what a newer one overtakes is left out."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from mesh.errors import ErrorReason, MeshError, protocol_violation
from services.nlu import metrics
from services.nlu.handlers import Config, Understanding, Understood
from services.nlu.model import TimedWord


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text the caller may have said; a newer one of the same turn makes it void while unanswered."""

    id: str
    turn_id: str
    text: str
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes."""


Message = Config | Hypothesis | End


@dataclass(frozen=True, slots=True)
class Answer:
    """The meaning of one hypothesis."""

    hypothesis: Hypothesis
    understood: Understood


Send = Callable[[Answer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: str
    config: Config
    hypothesis: Hypothesis


class Pending:
    """Hypotheses that wait to be parsed: one a turn, in the order their turns came.

    A newer hypothesis of a turn takes the place of the one that waits. When `limit` turns wait, `put` waits, and
    with it the reading of the stream.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._changed = asyncio.Condition()
        self._ended = False
        self._nameless = itertools.count()

    async def put(self, config: Config, hypothesis: Hypothesis) -> None:
        """Add a hypothesis; waits while too many turns do. One that names no turn is a turn of its own."""
        key = f"turn {hypothesis.turn_id}" if hypothesis.turn_id else f"nameless {next(self._nameless)}"
        async with self._changed:
            await self._changed.wait_for(lambda: key in self._waiting or len(self._waiting) < self._limit)
            if key in self._waiting:
                metrics.VOIDED.inc()
            self._waiting[key] = _Waiting(key, config, hypothesis)
            self._changed.notify_all()

    async def end(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def take(self) -> _Waiting | None:
        """Return the next to parse, waiting for one; None when nothing more comes."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                return None
            _, waiting = self._waiting.popitem(last=False)
            self._changed.notify_all()
            return waiting

    def is_void(self, taken: _Waiting) -> bool:
        """Say whether a newer hypothesis of the same turn has come since this one was taken."""
        return taken.key in self._waiting


async def answer_stream(understanding: Understanding, messages: AsyncIterator[Message], send: Send) -> None:
    """Answer the hypotheses of one stream, until its explicit end.

    Raises:
        MeshError: PROTOCOL_VIOLATION, CONNECTION_DROPPED, and what `Understanding.parse` raises.
    """
    pending = Pending()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_answer(understanding, pending, send))
        await _read(understanding, messages, pending)


async def _read(understanding: Understanding, messages: AsyncIterator[Message], pending: Pending) -> None:
    config: Config | None = None
    async for message in messages:
        if isinstance(message, Config):
            understanding.check(message)
            config = message
        elif config is None:
            raise protocol_violation("config", type(message).__name__.lower())
        elif isinstance(message, Hypothesis):
            await pending.put(config, message)
        else:
            await pending.end()
            return
    raise MeshError(
        ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
        "the stream closed without `end`; send `end` when nothing more comes",
    )


async def _answer(understanding: Understanding, pending: Pending, send: Send) -> None:
    while (waiting := await pending.take()) is not None:
        hypothesis = waiting.hypothesis
        understood = await understanding.parse(waiting.config, hypothesis.text, hypothesis.words)
        if pending.is_void(waiting):
            metrics.VOIDED.inc()
        else:
            await send(Answer(hypothesis, understood))
