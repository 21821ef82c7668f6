"""The caller's turns and their answers: prepared in a pause, said once the turn is over, taken back if it was not."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mesh import logs
from services.dialogue import metrics, model
from services.dialogue.intake import AudioIntake
from services.dialogue.policy import CallInfo, Expectation, Policy, Reply, State, TurnTaking, Understanding
from services.dialogue.ports import CallRecord, CrmLink
from services.dialogue.snapshot import Snapshot, TurnSnapshot
from services.dialogue.turns.agent_side import AgentSide, Emit
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.endpointing import Ending, ending, pause_needed
from services.dialogue.turns.habits import Habits
from services.dialogue.turns.hearing import CallerTurn, Hearing
from services.dialogue.turns.preparation import Answer, Preparation, Preparer
from services.dialogue.turns.speech import Speech
from services.dialogue.turns.timers import Timers
from services.dialogue.turns.trace import TurnTrace

_log = logs.get_logger(__name__)
_MAX_PENDING_TURNS = 8


@dataclass(frozen=True)
class Pace:
    """How turns are taken unless client or flow say otherwise; seconds."""

    taking: TurnTaking = field(default_factory=lambda: TurnTaking(0.2, 1.2, 0.06, 0.06))
    """With every value set."""
    repair_s: float = 1.0
    """Words that follow a turn's end so soon belong to it."""
    filler_s: float = 0.8
    """An answer that takes longer is preceded by a filler."""
    doubt_s: float = 2.5
    """A sound over the agent's voice that has no words for so long is none of the caller's."""
    keys_s: float = 2.0
    """So long after the last key an answer in keys is over."""


@dataclass
class Answered:
    """A caller's turn whose answer may still be taken back."""

    turn: CallerTurn
    base: State
    expectation: Expectation
    understanding: Understanding
    effective: bool = False


@dataclass
class Desk:
    """What the floor works with."""

    policy: Policy
    record: CallRecord
    crm: CrmLink
    emit: Emit
    intake: AudioIntake | None
    preparer: Preparer
    agent: AgentSide
    habits: Callable[[], Habits]
    call: Callable[[], CallInfo]
    expect: Callable[[Expectation], Awaitable[None]]
    """Tells the neighbours what is waited for."""
    tell: Callable[[Preparation], Awaitable[None]]
    """Puts a finished preparation into the session's inbox."""
    tasks: asyncio.TaskGroup
    timers: Timers
    info: Callable[[], model.SessionInfo]


class Answers:
    """Thinks about one turn at a time; called by the session's actor alone.

    Args:
        desk: what it works with.
        pace: how turns are taken.
        hearing: the caller's side.
    """

    def __init__(self, desk: Desk, pace: Pace, hearing: Hearing) -> None:
        self.state: State | None = None
        """Where the conversation stands."""
        self.expectation = Expectation()
        self.sentiments: list[float] = []
        self.pending: deque[CallerTurn] = deque()
        """Turns that wait until the agent may be answered."""
        self.thinking: CallerTurn | None = None
        """The turn that is over and not answered yet."""
        self.on_hold = False
        """While true, nothing is said."""
        self._desk = desk
        self._agent = desk.agent
        self._pace = pace
        self._hearing = hearing
        self._loop = asyncio.get_running_loop()
        self._prep: Preparation | None = None
        self._last: Answered | None = None
        self._fillers = 0

    @property
    def base(self) -> State:
        """Where the conversation stands, once it has begun."""
        assert self.state is not None
        return self.state

    @property
    def taking(self) -> TurnTaking:
        """How turns are taken now: the client's wishes, then the step's, then the server's."""
        return self._desk.info().turn_taking.over(self.expectation.turn_taking.over(self._pace.taking))

    # Before the turn is over.

    def speculate(self, item: model.Heard) -> None:
        """The caller pauses: prepare the answer to what was said so far."""
        heard = self._hearing.so_far(item)
        if self._prep is not None and self._prep.fits(heard, self.base):
            self._prep.pause = self._hearing.pause
            return
        self.discard()
        self._prepare(Preparation(self._hearing.open_turn(), heard, self.base, self._hearing.pause))

    def discard(self) -> None:
        """What was prepared is not wanted."""
        if self._prep is not None:
            self._prep.discard()
            self._prep = None

    def _prepare(self, prep: Preparation, known: Understanding | None = None) -> None:
        async def work(wanted: Preparation) -> Answer:
            return await self._desk.preparer.prepare(wanted, known)

        self._prep = prep
        prep.begin(work, self._desk.tell, self._desk.tasks)

    async def on_prepared(self, prep: Preparation) -> None:
        """An answer is there: say it if its turn is over, else judge whether it is."""
        if prep is not self._prep or prep.answer is None:
            return
        if self.thinking is not None:
            await self.reply()
        elif prep.pause is not None and self._desk.intake is not None:
            found = self._ending(prep.heard, prep.answer)
            metrics.ENDINGS.labels(found.name.lower()).inc()
            await self._desk.intake.finalize(prep.pause, pause_needed(found, self.taking))

    def _ending(self, heard: model.Heard, answer: Answer) -> Ending:
        return ending(
            heard.text,
            self.expectation,
            answer.understanding,
            self._desk.habits(),
            last_word=heard.words[-1].confidence if heard.words else None,
            closing=answer.reply.end,
        )

    # The turn is over.

    async def take_turn(self, turn: CallerTurn) -> None:
        """Answer a turn, now or once the agent may be answered."""
        agent = self._agent.turn
        if agent is None and self.thinking is None:
            await self.think(turn)
        elif not (agent and agent.reply.end) and len(self.pending) < _MAX_PENDING_TURNS:
            self.pending.append(turn)
        else:
            _log.info("turn.unanswered", turn_id=turn.turn_id)
            await self.note(turn)

    async def think(self, turn: CallerTurn) -> None:
        """Answer a turn, with what was prepared if it fits."""
        await self.settle()
        prep = self._prep
        if prep is None or turn.understanding is not None or not prep.fits(turn.heard, self.base):
            self.discard()
            prep = Preparation(turn.turn_id, turn.heard, self.base, None)
            self._prepare(prep, turn.understanding)
        elif prep.done:
            turn.trace.prepared()
        self.thinking = turn
        turn.trace.begin(turn.turn_id, self._desk.info().session_id)
        self._desk.timers.clear("silence")
        if prep.done:
            await self.reply()
        else:
            self._desk.timers.set("filler", self._loop.time() + self._pace.filler_s)

    async def on_filler(self) -> None:
        """The answer takes long: say something meanwhile."""
        fillers = self._desk.habits().fillers
        busy = self._agent.turn is not None or self._hearing.speaking or self.on_hold
        if self.thinking is None or busy or not fillers:
            return
        words = fillers[self._fillers % len(fillers)]
        self._fillers += 1
        metrics.FILLERS.inc()
        await self._agent.say(Reply((words,)), self.base, in_reply_to=self.thinking.turn_id, filler=True)

    async def reply(self) -> None:
        """Say the answer, unless the call is on hold, the caller speaks or a filler is still heard."""
        turn, prep = self.thinking, self._prep
        if turn is None or prep is None or prep.answer is None or self._agent.turn is not None or self.on_hold:
            return
        spoken = self._hearing.spoken_for(self._loop.time())
        if spoken is not None and spoken >= (self.taking.barge_in_thinking or 0.0):
            self._desk.timers.set("doubt", self._loop.time() + self._pace.doubt_s)
            return
        answer, base = prep.answer, prep.base
        self.thinking = self._prep = None
        self._desk.timers.clear("filler", "doubt")
        prep.commit()
        prep.trace(turn.trace)
        self._last = Answered(turn, base, self.expectation, answer.understanding)
        self._desk.timers.set("settle", self._loop.time() + self._pace.repair_s)
        await self._desk.emit(model.Understood(turn.turn_id, answer.understanding, answer.state.slots))
        await self.say(answer.reply, answer.state, turn=turn, speech=answer.speech)

    async def say(
        self, reply: Reply, state: State, *, turn: CallerTurn | None = None, speech: Speech | None = None
    ) -> None:
        """Let the agent speak; an unfinished turn of its own is broken off."""
        if self._agent.turn is not None:
            await self._agent.break_off()
        self.state = state
        trace = turn.trace if turn is not None else None
        in_reply_to = turn.turn_id if turn is not None else ""
        await self._agent.say(reply, state, in_reply_to=in_reply_to, trace=trace, speech=speech)
        await self._expect(reply.expectation)

    async def _expect(self, expectation: Expectation) -> None:
        self.expectation = expectation
        await self._desk.expect(expectation)

    # The turn was not over after all, or it stays as it is.

    def may_repair(self, answer: AgentTurn) -> bool:
        """Return whether the caller goes on with the turn that is being answered."""
        last, onset = self._last, self._hearing.onset
        if last is None or onset is None or not last.turn.spoken:
            return False
        if answer.in_reply_to != last.turn.turn_id or not answer.repairable:
            return False
        return onset - last.turn.heard.end <= self._pace.repair_s

    @property
    def goes_on(self) -> bool:
        """Whether words that come now belong to the turn that is thought about."""
        return self.thinking is not None and self.thinking.spoken

    async def take_back(self) -> None:
        """The turn was not over: its answer never was, and what comes belongs to it."""
        self._desk.timers.clear("barge_in", "doubt", "filler", "settle")
        metrics.REPAIRED.inc()
        if self._agent.turn is not None:
            await self._agent.break_off()
        self.discard()
        turn, self.thinking = self.thinking, None
        last, self._last = self._last, None
        if turn is not None:
            turn.trace.close()
            self._hearing.reopen(turn)
        elif last is not None:
            self._hearing.reopen(last.turn)
            self.state = last.base
            await self._expect(last.expectation)

    async def settle(self) -> None:
        """The last turn stays as it is: take it down."""
        last, self._last = self._last, None
        if last is None:
            return
        self._desk.timers.clear("settle")
        with last.turn.trace.current():
            await self._desk.record.turn(last.turn.turn_id, last.turn.heard, last.understanding)
            if last.understanding.sentiment is not None:
                self.sentiments.append(last.understanding.sentiment)
            await self._desk.crm.learned(last.turn.turn_id, last.understanding, last.turn.heard.end)

    async def note(self, turn: CallerTurn) -> None:
        """Take down a turn that gets no answer: nothing said is lost."""
        await self._desk.record.turn(turn.turn_id, turn.heard, Understanding(turn.heard.text))

    async def finish(self) -> None:
        """Take down what is left: the session is over."""
        await self.settle()
        self.discard()
        turn, self.thinking = self.thinking, None
        if turn is not None:
            turn.trace.close()
            self.pending.appendleft(turn)
        while self.pending:
            await self.note(self.pending.popleft())

    # For another process.

    @property
    def unsettled(self) -> TurnSnapshot | None:
        """The turn that was answered last and is not on record yet."""
        last = self._last
        return None if last is None else TurnSnapshot(last.turn.turn_id, last.turn.heard, last.understanding)

    def waiting(self) -> tuple[TurnSnapshot, ...]:
        """Turns that are over and not answered, the oldest first."""
        turns = ([] if self.thinking is None else [self.thinking]) + list(self.pending)
        return tuple(TurnSnapshot(t.turn_id, t.heard, meaning=t.understanding, spoken=t.spoken) for t in turns)

    async def restore(self, taken: Snapshot) -> None:
        """Go on where another process stood: what may not be on record is taken down, once."""
        self.state = taken.state
        self.sentiments = list(taken.sentiments)
        last = taken.unsettled
        if last is not None and last.understanding is not None:
            await self._desk.record.turn(last.turn_id, last.heard, last.understanding)
        now = self._loop.time()
        for turn in taken.waiting:
            trace = TurnTrace(spoken_until=now, ended=now, now=self._loop.time)
            self.pending.append(CallerTurn(turn.turn_id, turn.heard, trace, turn.meaning, spoken=turn.spoken))
        await self._expect(taken.expectation)
