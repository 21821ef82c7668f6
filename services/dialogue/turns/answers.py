"""The caller's turns and their answers: prepared in a pause, said once the turn is over, taken back if it was not."""

import asyncio
from collections import deque

from mesh import logs
from services.dialogue import metrics, model
from services.dialogue.policy import Action, Expectation, Reply, State, TurnTaking, Understanding
from services.dialogue.snapshot import Errand, Snapshot, TurnSnapshot
from services.dialogue.streaming import StreamingPolicy
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.desk import Answered, Desk, Pace
from services.dialogue.turns.endpointing import ending, pause_needed
from services.dialogue.turns.errands import errand
from services.dialogue.turns.hearing import CallerTurn, Hearing
from services.dialogue.turns.preparation import Answer, Preparation
from services.dialogue.turns.trace import TurnTrace

_log = logs.get_logger(__name__)
_MAX_PENDING_TURNS = 8


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
        self.achieved: State | None = None
        """Where the conversation stands after something that was done when the caller was gone."""
        self._desk = desk
        self._agent = desk.agent
        self._pace = pace
        self._hearing = hearing
        self._loop = asyncio.get_running_loop()
        self._prep: Preparation | None = None
        self._doing: Preparation | None = None
        self._telling: Preparation | None = None
        self._last: Answered | None = None
        self._fillers = 0

    @property
    def base(self) -> State:
        """Where the conversation stands, once it has begun."""
        assert self.state is not None
        return self.state

    @property
    def errand(self) -> Errand | None:
        """What is being done between two turns of the agent."""
        return self._doing.errand if self._doing is not None else None

    @property
    def busy(self) -> bool:
        """Whether the agent is about to say something."""
        return self.thinking is not None or self._doing is not None

    @property
    def taking(self) -> TurnTaking:
        """How turns are taken now: the client's wishes, then the step's, then the server's."""
        return self._desk.info().turn_taking.over(self.expectation.turn_taking.over(self._pace.taking))

    # Before the turn is over.

    def speculate(self, item: model.Heard) -> None:
        """The caller pauses: prepare the answer to what was said so far, unless what is being done comes first."""
        if self._doing is not None:
            return
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
        async def work(wanted: Preparation) -> None:
            await self._desk.preparer.prepare(wanted, known)

        self._prep = prep
        prep.begin(work, self._desk.tell, self._desk.tasks)

    async def on_prepared(self, prep: Preparation) -> None:
        """An answer is there or its meaning is: say it if its turn is over, else judge whether it is."""
        if prep is self._telling:
            await self._tell_more(prep)
        elif prep is self._doing or (prep is self._prep and self.thinking is not None):
            await self.reply()
        elif prep is self._prep and prep.understanding is not None and not prep.judged:
            await self._judge(prep, prep.understanding)

    async def _tell_more(self, prep: Preparation) -> None:
        """There is more of the answer that the agent is giving."""
        answer, turn = prep.answer, self._agent.turn
        assert answer is not None
        assert turn is not None
        turn.row = answer.row
        self.state = answer.state
        await self._agent.grow(answer.reply, answer.state, done=answer.done)
        if answer.done:
            self._telling = None
            await self._expect(answer.reply.expectation)

    async def interrupt(self) -> None:
        """Break the agent's turn off; the policy is told what of it was heard."""
        turn, heard = await self._agent.break_off()
        self._telling = None
        policy = self._desk.policy
        if isinstance(policy, StreamingPolicy) and not turn.filler:
            self.state = policy.on_interrupted(turn.state, turn.reply.text, heard)

    async def _judge(self, prep: Preparation, understanding: Understanding) -> None:
        if prep.pause is None or self._desk.intake is None:
            return
        prep.judged = True
        words = prep.heard.words
        found = ending(
            prep.heard.text,
            self.expectation,
            understanding,
            self._desk.habits(),
            last_word=words[-1].confidence if words else None,
            closing=prep.answer is not None and prep.answer.reply.end,
        )
        metrics.ENDINGS.labels(found.name.lower()).inc()
        await self._desk.intake.finalize(prep.pause, pause_needed(found, self.taking))

    # The turn is over.

    async def take_turn(self, turn: CallerTurn) -> None:
        """Answer a turn, now or once the agent may be answered."""
        agent = self._agent.turn
        if agent is None and not self.busy:
            await self.think(turn)
        elif not (agent and agent.reply.end) and len(self.pending) < _MAX_PENDING_TURNS:
            self.pending.append(turn)
            await self.reply()
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
        prep = self._awaited()
        busy = self._agent.turn is not None or self._hearing.speaking or self.on_hold
        words = self._filler(prep.under_way) if prep is not None and not busy else ""
        if prep is not None and words:
            metrics.FILLERS.inc()
            await self._agent.say(Reply((words,)), self.base, in_reply_to=prep.turn_id, filler=True)

    def _filler(self, action: Action | None) -> str:
        """Return the action's own filler, else the language's next one."""
        if action is not None and action.filler:
            return action.filler
        fillers = self._desk.habits().fillers
        self._fillers += 1
        return fillers[(self._fillers - 1) % len(fillers)] if fillers else ""

    def _awaited(self) -> Preparation | None:
        """Return what the agent says next, if it is about to say something."""
        return self._doing or (self._prep if self.thinking is not None else None)

    async def reply(self) -> None:
        """Say the answer, unless the call is on hold, the caller speaks or a filler is still heard."""
        prep = self._awaited()
        if prep is None or prep.answer is None or self._agent.turn is not None or self.on_hold:
            return
        spoken = self._hearing.spoken_for(self._loop.time())
        if spoken is not None and spoken >= (self.taking.barge_in_thinking or 0.0):
            self._desk.timers.set("doubt", self._loop.time() + self._pace.doubt_s)
            return
        self._desk.timers.clear("filler", "doubt")
        if prep is self._doing:
            self._doing = None
            await self._give(prep, prep.answer, in_reply_to=prep.turn_id)
        elif self.thinking is not None:
            turn, self.thinking, self._prep = self.thinking, None, None
            await self._reply_to(turn, prep, prep.answer)

    async def _reply_to(self, turn: CallerTurn, prep: Preparation, answer: Answer) -> None:
        prep.commit()
        prep.trace(turn.trace)
        self._last = Answered(turn, prep.base, self.expectation, answer.understanding)
        settled = self._loop.time() + self._pace.repair_s
        self._desk.timers.set("settle", settled)
        await self._desk.emit(model.Understood(turn.turn_id, answer.understanding, answer.state.slots))
        await self._give(
            prep,
            answer,
            in_reply_to=turn.turn_id,
            trace=turn.trace,
            not_before=settled if turn.spoken else 0.0,
        )

    async def _give(
        self,
        prep: Preparation,
        answer: Answer,
        *,
        in_reply_to: str,
        trace: TurnTrace | None = None,
        not_before: float = 0.0,
    ) -> None:
        """Let the agent give an answer, as much of it as there is."""
        self.state = answer.state
        self._telling = None if answer.done else prep
        await self._agent.say(
            answer.reply,
            answer.state,
            in_reply_to=in_reply_to,
            trace=trace,
            words=answer.words,
            speech=answer.speech,
            row=answer.row,
            not_before=not_before,
            on_close=prep.stop,
        )
        await self._expect(answer.reply.expectation)

    async def say(self, reply: Reply, state: State) -> None:
        """Let the agent speak of itself; an unfinished turn of its own is broken off."""
        if self._agent.turn is not None:
            await self.interrupt()
        self.state = state
        await self._agent.say(reply, state)
        await self._expect(reply.expectation)

    def act(self, turn: AgentTurn) -> None:
        """The caller has heard what comes before an action: do it, then go on."""
        assert turn.reply.action is not None
        session_id = self._desk.info().session_id
        self._do(
            errand(
                turn.reply.action,
                turn.state,
                session_id=session_id,
                turn_id=turn.turn_id,
                in_reply_to=turn.in_reply_to,
                row=turn.row,
            )
        )

    def _do(self, what: Errand) -> None:
        self.discard()
        now = self._desk.timers.elapsed()
        heard = model.Heard(0, "", is_final=True, start=now, end=now)
        self._doing = Preparation(what.in_reply_to, heard, what.state, None, what)
        self._desk.timers.clear("silence")
        self._desk.timers.set("filler", self._loop.time() + self._pace.filler_s)
        self._doing.begin(self._desk.preparer.carry_out, self._desk.tell, self._desk.tasks)

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
            self._telling = None
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
        await self._leave_errand()
        turn, self.thinking = self.thinking, None
        if turn is not None:
            turn.trace.close()
            self.pending.appendleft(turn)
        while self.pending:
            await self.note(self.pending.popleft())

    async def _leave_errand(self) -> None:
        """The caller is gone while something is done: what comes of it counts, though nobody hears of it."""
        prep, self._doing = self._doing, None
        if prep is None:
            return
        await prep.leave()
        if prep.answer is not None and prep.answer.done:
            self.state = self.achieved = prep.answer.state
            turn_id = f"a{self._agent.turns + 1}"
            await self._desk.record.took_effect(turn_id, prep.answer.reply.outcomes, prep.answer.state)

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
        if taken.errand is not None:
            self._do(taken.errand)
