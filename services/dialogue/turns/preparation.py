"""The answer to what the caller may have finished saying: read, decided and half spoken, with no side effect."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.dialogue import metrics
from services.dialogue.model import Heard
from services.dialogue.policy import Action, Expectation, Reply, State, Understanding
from services.dialogue.ports import Understander
from services.dialogue.snapshot import Errand
from services.dialogue.turns.errands import Drafts, Errands
from services.dialogue.turns.speaker import Speaker
from services.dialogue.turns.speech import Speech
from services.dialogue.turns.trace import TurnTrace
from services.dialogue.turns.wording import Wording


@dataclass
class Answer:
    """What is said and known once the turn counts; it may grow until its words are done."""

    understanding: Understanding
    state: State
    words: Wording
    speech: Speech | None
    row: int = 0
    """How many actions were done for it."""

    @property
    def reply(self) -> Reply:
        """The reply as far as it is known."""
        return self.words.reply

    @property
    def done(self) -> bool:
        """Whether all of it is known."""
        return self.words.done


class Preparation:
    """One answer in the making. Nothing has happened until the session takes the answer: the policy is pure, and only
    actions that change nothing are done.

    Args:
        heard: what the caller said, perhaps not all of it.
        base: the conversation's state it is answered in.
        pause: where the pause began in which it is prepared, on the audio clock; None: the turn is over.
        errand: what is done first, for an answer to what comes of it; None: the caller's words are answered.
    """

    def __init__(
        self, turn_id: str, heard: Heard, base: State, pause: float | None, errand: Errand | None = None
    ) -> None:
        self.turn_id = turn_id
        self.heard = heard
        self.base = base
        self.pause = pause
        self.errand = errand
        self.understanding: Understanding | None = None
        """What was said means; set before the answer is there."""
        self.judged = False
        """Whether it was judged how the words end."""
        self.answer: Answer | None = None
        self.under_way: Action | None = errand.action if errand is not None else None
        """The action that is being done."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._understood = self._began
        self._decided = self._began
        self._task: asyncio.Task[None] | None = None
        self._tell: Callable[[Preparation], Awaitable[None]] | None = None
        self._wanted = True

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self.answer is not None

    def fits(self, heard: Heard, base: State) -> bool:
        """Return whether it answers these words in this state."""
        return heard.text == self.heard.text and base is self.base

    def begin(
        self,
        work: Callable[["Preparation"], Awaitable[None]],
        tell: Callable[["Preparation"], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Begin to prepare; `tell` is called once the answer is there, and before and after it where it takes long."""

        async def run() -> None:
            await work(self)

        self._tell = tell
        self._task = tasks.create_task(run())

    async def announce(self) -> None:
        """Tell the session that there is something new."""
        if self._wanted and self._tell is not None:
            await self._tell(self)

    def understood(self, understanding: Understanding) -> None:
        """The meaning is known."""
        self.understanding = understanding
        self._understood = self._loop.time()

    def decided(self) -> None:
        """The reply is known."""
        self._decided = self._loop.time()

    def trace(self, into: TurnTrace) -> None:
        """Write the stages into a turn's trace."""
        into.stage("turn.understand", "understanding", self._began, self._understood)
        into.stage("turn.policy", "policy", self._understood, self._decided)

    def discard(self) -> None:
        """It is not wanted: nothing of it remains but its cost."""
        if self._task is not None:
            self._task.cancel()
        self._silence()
        self._count("discarded", self.answer.speech if self.answer is not None else None)

    def stop(self) -> None:
        """No more of the answer is wanted."""
        if self._task is not None:
            self._task.cancel()

    async def leave(self) -> None:
        """Nobody is told any more, but what is being done is done to its end: wait for that."""
        self._wanted = False
        if self._task is not None:
            await asyncio.wait([self._task])
        self._silence()

    def _silence(self) -> None:
        if self.answer is not None and self.answer.speech is not None:
            self.answer.speech.cancel()

    def commit(self) -> None:
        """It is what the agent says."""
        self._count("committed", self.answer.speech if self.answer is not None else None)

    def _count(self, result: str, speech: Speech | None) -> None:
        if self.pause is None:
            return
        metrics.SPECULATIONS.labels(result).inc()
        seconds = {"recognition": self.heard.compute_time, "answer": self._decided - self._began}
        if speech is not None and speech.first_piece_at is not None:
            seconds["synthesis"] = speech.first_piece_at - speech.began
        for stage, value in seconds.items():
            metrics.SPECULATION_SECONDS.labels(result, stage).inc(max(0.0, value))


class Preparer:
    """Makes answers.

    Args:
        understander: reads the caller's words.
        errands: decides the agent's, and does what that takes.
        speaker: makes the first sentence's speech.
    """

    def __init__(self, understander: Understander, errands: Errands, speaker: Speaker) -> None:
        self._understander = understander
        self._errands = errands
        self._speaker = speaker

    async def prepare(self, wanted: Preparation, known: Understanding | None = None) -> None:
        """Make the answer to what was heard; `known` is its meaning where it needs no reading."""
        understanding = known or await self._understander.understand(wanted.turn_id, wanted.heard)
        wanted.understood(understanding)
        if self._errands.streams:
            await wanted.announce()
        await self._follow(wanted, understanding, self._errands.respond(wanted.base, understanding), row=0)

    async def carry_out(self, wanted: Preparation) -> None:
        """Do the errand and make what is said then."""
        errand = wanted.errand
        assert errand is not None
        await self._follow(wanted, Understanding(""), self._errands.carry_out(errand), row=errand.row + 1)

    async def _follow(self, wanted: Preparation, understanding: Understanding, drafts: Drafts, *, row: int) -> None:
        """Take an answer as it comes: the session is told of its first sentence, and of all that follows."""

        def tell(action: Action | None) -> None:
            wanted.under_way = action

        async with contextlib.aclosing(self._errands.look_up(drafts, row, tell)) as steps:
            async for step in steps:
                draft, answer = step.draft, wanted.answer
                if answer is not None:
                    answer.state, answer.row = draft.state, step.row
                    answer.words.grow(draft.reply, done=draft.done)
                    await wanted.announce()
                    answer.words.wake()
                    continue
                # What is only read is told as a whole: its first sentence alone would gain nobody anything.
                if draft.done or (draft.reply.sentences and self._speaker.speaks):
                    wanted.decided()
                    words = Wording(draft.reply, done=draft.done)
                    wanted.answer = Answer(understanding, draft.state, words, self._speaker.prepare(words), step.row)
                await wanted.announce()

    async def expect(self, expectation: Expectation, language: str) -> None:
        """Let answers be read in the light of the question."""
        await self._understander.expect(expectation, language)
