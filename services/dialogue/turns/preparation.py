"""The answer to what the caller may have finished saying: read, decided and half spoken, with no side effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.dialogue import metrics
from services.dialogue.model import Heard
from services.dialogue.policy import CallInfo, Expectation, Policy, Reply, State, Understanding
from services.dialogue.ports import Understander
from services.dialogue.turns.speaker import Speaker
from services.dialogue.turns.speech import Speech
from services.dialogue.turns.trace import TurnTrace


@dataclass(frozen=True)
class Answer:
    """What is said and known once the turn counts."""

    understanding: Understanding
    state: State
    reply: Reply
    speech: Speech | None


class Preparation:
    """One answer in the making. The policy is pure: nothing has happened until the session takes the answer.

    Args:
        heard: what the caller said, perhaps not all of it.
        base: the conversation's state it is answered in.
        pause: where the pause began in which it is prepared, on the audio clock; None: the turn is over.
    """

    def __init__(self, turn_id: str, heard: Heard, base: State, pause: float | None) -> None:
        self.turn_id = turn_id
        self.heard = heard
        self.base = base
        self.pause = pause
        self.answer: Answer | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._understood = self._began
        self._decided = self._began
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self.answer is not None

    def fits(self, heard: Heard, base: State) -> bool:
        """Return whether it answers these words in this state."""
        return heard.text == self.heard.text and base is self.base

    def begin(
        self,
        work: Callable[["Preparation"], Awaitable[Answer]],
        tell: Callable[["Preparation"], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Begin to prepare; `tell` is called once the answer is there."""

        async def run() -> None:
            self.answer = await work(self)
            await tell(self)

        self._task = tasks.create_task(run())

    def understood(self) -> None:
        """The meaning is known."""
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
        speech = self.answer.speech if self.answer is not None else None
        if speech is not None:
            speech.cancel()
        self._count("discarded", speech)

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
        policy: decides the words.
        understander: reads the caller's.
        speaker: makes the first sentence's speech.
        call: what is known of the call now.
    """

    def __init__(
        self, policy: Policy, understander: Understander, speaker: Speaker, call: Callable[[], CallInfo]
    ) -> None:
        self._policy = policy
        self._understander = understander
        self._speaker = speaker
        self._call = call

    async def prepare(self, wanted: Preparation, known: Understanding | None = None) -> Answer:
        """Return the answer to what was heard; `known` is its meaning where it needs no reading."""
        understanding = known or await self._understander.understand(wanted.turn_id, wanted.heard)
        wanted.understood()
        state, reply = self._policy.respond(wanted.base, understanding, self._call())
        wanted.decided()
        return Answer(understanding, state, reply, self._speaker.prepare(reply))

    async def expect(self, expectation: Expectation, language: str) -> None:
        """Let answers be read in the light of the question."""
        await self._understander.expect(expectation, language)
