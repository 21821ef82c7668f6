"""Who has the floor: hears the caller, judges pauses, prepares answers, gives the agent its turns.

The rules, in short. A pause is judged by what was said before it; meanwhile the answer is prepared. Sounds over the
agent's voice pause it; words end its turn, anything else lets it go on. Words that follow within a moment of a turn's
end belong to that turn, and the answer to its first part never was. What has consequences is heard first.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mesh import logs
from mesh.errors import MeshError
from services.dialogue import metrics, model
from services.dialogue.intake import AudioIntake
from services.dialogue.policy import CallInfo, Expectation, Policy, Reply, State, TurnTaking, Understanding
from services.dialogue.ports import CallRecord, CrmLink
from services.dialogue.turns.agent_side import AgentSide, Emit
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.barge_in import is_interruption
from services.dialogue.turns.endpointing import ending, pause_needed
from services.dialogue.turns.habits import Habits, made_of, words_of
from services.dialogue.turns.hearing import CallerTurn, Hearing
from services.dialogue.turns.preparation import Answer, Preparation, Preparer
from services.dialogue.turns.speech import Speech
from services.dialogue.turns.timers import Timers
from services.dialogue.turns.trace import TurnTrace

_log = logs.get_logger(__name__)
_MAX_PENDING_TURNS = 8
_DETECTION_S = 0.064
"""Speech that the recogniser hears before it tells of it (`services/asr/segmenter.py`)."""


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
class _Answered:
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


class Floor:
    """Takes the session's events one at a time; every method is called by the session's actor alone."""

    def __init__(self, desk: Desk, pace: Pace, silence_s: float) -> None:
        self.desk = desk
        self.agent = desk.agent
        self.hearing = Hearing()
        self.state: State | None = None
        """Where the conversation stands."""
        self.committed: State | None = None
        """Where it stood when something last took effect."""
        self.expectation = Expectation()
        self.silences = 0
        self.sentiments: list[float] = []
        self.pending: deque[CallerTurn] = deque()
        self.input_over = False
        self.quiet = False
        """Whether silence is not the caller's: muted or on hold."""
        self.over: tuple[str, MeshError | None] | None = None
        """Disposition and failure once the conversation is over."""
        self._pace = pace
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._prep: Preparation | None = None
        self._thinking: CallerTurn | None = None
        self._last: _Answered | None = None
        self._ended_at: tuple[float, float] | None = None
        self._speaks_since = 0.0
        self._keys = ""
        self._fillers = 0
        self._silence_failure: MeshError | None = None

    @property
    def taking(self) -> TurnTaking:
        """How turns are taken now: the client's wishes, then the step's, then the server's."""
        return self.desk.info().turn_taking.over(self.expectation.turn_taking.over(self._pace.taking))

    # What the recogniser says.

    async def on_activity(self, item: model.SpeechActivity) -> None:
        """The caller's voice began, paused, went on or ended."""
        hearing = self.hearing
        if item.kind in {"started", "resumed"}:
            self.desk.timers.clear("silence")
            hearing.speaking, hearing.pause = True, None
            if item.kind == "started":
                hearing.onset, self._speaks_since = item.at, self._loop.time() - _DETECTION_S
                self._wait_for_barge_in()
            elif self._thinking is None:
                self._discard()
        elif item.kind == "paused":
            hearing.speaking, hearing.pause = False, item.at
        else:
            hearing.speaking, hearing.pause = False, None
            self._ended_at = (item.at, self._loop.time())
            self.wait_for_caller()

    async def on_heard(self, item: model.Heard) -> None:
        """The caller's words: while they grow, at a pause, at the end."""
        if item.is_final:
            await self._on_final(item)
        elif item.text.strip() and not (item.is_speculative and self.hearing.speaking):
            await self._on_growing(item)
        elif item.is_speculative and not self.hearing.speaking:
            await self._false_alarm()

    async def _on_growing(self, item: model.Heard) -> None:
        if not await self._claims(item):
            if item.is_speculative:
                await self._false_alarm()
            return
        self.silences = 0
        await self.desk.emit(model.Transcribed(self.hearing.open_turn(), self.hearing.so_far(item)))
        if item.is_speculative and self.agent.turn is None:
            self._speculate(item)

    async def _on_final(self, item: model.Heard) -> None:
        self.hearing.speaking, self.hearing.onset = False, None
        heard = self.hearing.so_far(item)
        if not heard.text.strip():
            await self._false_alarm()
            self.hearing.forget()
            self.wait_for_caller()
            return
        answers = await self._claims(item) if item.text.strip() else True
        if not answers and self.agent.turn is not None and not self._is_backchannel(item):
            # Heard in a noise: nobody said it.
            await self._false_alarm()
            self.hearing.forget()
            return
        self.silences = 0
        turn = self.hearing.close(item, self._trace(item.end))
        await self.desk.emit(model.Transcribed(turn.turn_id, turn.heard))
        if answers:
            await self.take_turn(turn)
        else:
            await self._note(turn)
            await self._false_alarm()
            self.wait_for_caller()

    def _is_backchannel(self, item: model.Heard) -> bool:
        habits = self.desk.habits()
        return made_of(words_of(item.text), habits.backchannels, habits.hesitations)

    def _trace(self, end: float) -> TurnTrace:
        now = self._loop.time()
        place, ended = self._ended_at or (end, now)
        self._ended_at = None
        arrived = self.desk.intake.clock.arrival_of(place, now) if self.desk.intake is not None else now
        return TurnTrace(spoken_until=arrived, ended=ended, now=self._loop.time)

    async def _claims(self, item: model.Heard) -> bool:
        """Return whether the words want an answer; if they do, the agent's turn ends where it may."""
        turn = self.agent.turn
        if turn is None:
            claims = not made_of(words_of(item.text), self.desk.habits().hesitations)
            if claims and self._thinking is not None:
                await self._take_back()
            return claims
        claims = is_interruption(
            item.text,
            item.confidence,
            habits=self.desk.habits(),
            expectation=turn.reply.expectation,
            question_heard=turn.question_heard(self._loop.time()),
        )
        if claims and (self._thinking is not None or self._may_repair(turn)):
            await self._take_back()
        elif claims and self._may_interrupt(turn):
            self.desk.timers.clear("barge_in", "doubt")
            metrics.INTERRUPTED.inc()
            await self.agent.break_off()
        elif claims:
            # It has taken effect meanwhile: it is heard to its end, the words are answered then.
            await self.agent.resume()
        return claims

    def _may_interrupt(self, turn: AgentTurn) -> bool:
        return turn.interruptible and not self.desk.info().no_barge_in

    # The caller goes on.

    def _may_repair(self, turn: AgentTurn) -> bool:
        """Return whether the caller goes on with the turn that is being answered."""
        last, onset = self._last, self.hearing.onset
        if last is None or turn.in_reply_to != last.turn.turn_id or not turn.repairable:
            return False
        return onset is not None and onset - last.turn.heard.end <= self._pace.repair_s

    async def _take_back(self) -> None:
        """The turn was not over: its answer never was, and what comes belongs to it."""
        self.desk.timers.clear("doubt", "filler")
        metrics.REPAIRED.inc()
        if self.agent.turn is not None:
            await self.agent.break_off()
        self._discard()
        if self._thinking is not None:
            self._thinking.trace.close()
            self.hearing.reopen(self._thinking)
            self._thinking = None
            return
        last, self._last = self._last, None
        if last is not None:
            self.desk.timers.clear("settle")
            self.hearing.reopen(last.turn)
            self.state = last.base
            await self._expect(last.expectation)

    # Sounds over the agent's voice.

    def _wait_for_barge_in(self) -> None:
        turn = self.agent.turn
        if turn is None or turn.first_audio_at is None or not (self._may_interrupt(turn) or self._may_repair(turn)):
            return
        needed = self.taking.barge_in_speaking or 0.0
        self.desk.timers.set("barge_in", self._loop.time() + max(0.0, needed - _DETECTION_S))

    async def on_barge_in(self) -> None:
        """The caller has spoken over the agent for long enough."""
        if self.hearing.speaking and self.agent.turn is not None:
            await self.agent.pause()
            self.desk.timers.set("doubt", self._loop.time() + self._pace.doubt_s)

    async def _false_alarm(self) -> None:
        """What was heard is no turn of the caller's: the agent goes on."""
        self.desk.timers.clear("barge_in", "doubt")
        if self.agent.turn is not None and self.agent.turn.paused and not self.quiet:
            metrics.FALSE_ALARMS.inc()
            await self.agent.resume()
        elif self.agent.turn is None and self._thinking is not None:
            await self._reply()

    async def on_doubt(self) -> None:
        """A sound goes on and on without words."""
        self.hearing.speaking = False
        await self._false_alarm()

    # The caller's turns and their answers.

    def _speculate(self, item: model.Heard) -> None:
        heard = self.hearing.so_far(item)
        if self._prep is not None and self._prep.fits(heard, self._base()):
            self._prep.pause = self.hearing.pause
            return
        self._discard()
        self._prepare(Preparation(self.hearing.open_turn(), heard, self._base(), self.hearing.pause))

    def _base(self) -> State:
        assert self.state is not None
        return self.state

    def _prepare(self, prep: Preparation, known: Understanding | None = None) -> None:
        async def work(wanted: Preparation) -> Answer:
            return await self.desk.preparer.prepare(wanted, known)

        self._prep = prep
        prep.begin(work, self.desk.tell, self.desk.tasks)

    def _discard(self) -> None:
        if self._prep is not None:
            self._prep.discard()
            self._prep = None

    async def on_prepared(self, prep: Preparation) -> None:
        """An answer is there: say it if its turn is over, else judge whether it is."""
        if prep is not self._prep or prep.answer is None:
            return
        if self._thinking is not None:
            await self._reply()
        elif prep.pause is not None and self.desk.intake is not None:
            found = ending(prep.heard.text, self.expectation, prep.answer.understanding, self.desk.habits())
            metrics.ENDINGS.labels(found.value).inc()
            await self.desk.intake.finalize(prep.pause, pause_needed(found, self.taking))

    async def take_turn(self, turn: CallerTurn) -> None:
        """Answer a turn, now or once the agent may be answered."""
        agent = self.agent.turn
        if agent is None and self._thinking is None:
            await self._think(turn)
        elif not (agent and agent.reply.end) and len(self.pending) < _MAX_PENDING_TURNS:
            self.pending.append(turn)
        else:
            _log.info("turn.unanswered", turn_id=turn.turn_id)
            await self._note(turn)

    async def _think(self, turn: CallerTurn) -> None:
        await self.settle()
        prep = self._prep
        if prep is None or turn.understanding is not None or not prep.fits(turn.heard, self._base()):
            self._discard()
            prep = Preparation(turn.turn_id, turn.heard, self._base(), None)
            self._prepare(prep, turn.understanding)
        elif prep.done:
            turn.trace.prepared()
        self._thinking = turn
        turn.trace.begin(turn.turn_id, self.desk.info().session_id)
        self.desk.timers.clear("silence")
        if prep.done:
            await self._reply()
        else:
            self.desk.timers.set("filler", self._loop.time() + self._pace.filler_s)

    async def on_filler(self) -> None:
        """The answer takes long: say something meanwhile."""
        fillers = self.desk.habits().fillers
        if self._thinking is None or self.agent.turn is not None or not fillers or self.hearing.speaking:
            return
        words = fillers[self._fillers % len(fillers)]
        self._fillers += 1
        metrics.FILLERS.inc()
        await self.agent.say(Reply((words,)), self._base(), in_reply_to=self._thinking.turn_id, filler=True)

    async def _reply(self) -> None:
        """Say the answer, unless the caller speaks or a filler is still heard."""
        turn, prep = self._thinking, self._prep
        if turn is None or prep is None or prep.answer is None or self.agent.turn is not None:
            return
        if self.hearing.speaking and self._loop.time() - self._speaks_since >= (self.taking.barge_in_thinking or 0.0):
            self.desk.timers.set("doubt", self._loop.time() + self._pace.doubt_s)
            return
        answer, base = prep.answer, prep.base
        self._thinking = self._prep = None
        self.desk.timers.clear("filler", "doubt")
        prep.commit()
        prep.trace(turn.trace)
        self._last = _Answered(turn, base, self.expectation, answer.understanding)
        self.desk.timers.set("settle", self._loop.time() + self._pace.repair_s)
        await self.desk.emit(model.Understood(turn.turn_id, answer.understanding, answer.state.slots))
        await self.say(answer.reply, answer.state, turn=turn, speech=answer.speech)

    async def say(
        self, reply: Reply, state: State, *, turn: CallerTurn | None = None, speech: Speech | None = None
    ) -> None:
        """Let the agent speak; an unfinished turn of its own is broken off."""
        if self.agent.turn is not None:
            await self.agent.break_off()
        self.state = state
        trace = turn.trace if turn is not None else None
        in_reply_to = turn.turn_id if turn is not None else ""
        await self.agent.say(reply, state, in_reply_to=in_reply_to, trace=trace, speech=speech)
        await self._expect(reply.expectation)

    async def _expect(self, expectation: Expectation) -> None:
        self.expectation = expectation
        await self.desk.expect(expectation)

    async def settle(self) -> None:
        """The last turn stays as it is: take it down."""
        last, self._last = self._last, None
        if last is None:
            return
        self.desk.timers.clear("settle")
        with last.turn.trace.current():
            await self.desk.record.turn(last.turn.turn_id, last.turn.heard, last.understanding)
            if last.understanding.sentiment is not None:
                self.sentiments.append(last.understanding.sentiment)
            await self.desk.crm.learned(last.turn.turn_id, last.understanding, last.turn.heard.end)

    async def _note(self, turn: CallerTurn) -> None:
        """Take down a turn that gets no answer: nothing said is lost."""
        await self.desk.record.turn(turn.turn_id, turn.heard, Understanding(turn.heard.text))

    # What the agent's turn comes to.

    async def on_played(self) -> None:
        """Time has passed or the client has played: see what took effect and what was heard."""
        turn = self.agent.turn
        if turn is not None and turn.takes_effect(self._loop.time()) and not turn.effective and not self.agent.away:
            if not turn.filler:
                await self.settle()
                self.committed = turn.state
            await self.agent.take_effect()
        delivered = await self.agent.deliver()
        if delivered is not None:
            await self._delivered(delivered)

    async def _delivered(self, turn: AgentTurn) -> None:
        if turn.filler:
            await self._reply()
        elif turn.reply.end:
            self.end(turn.reply.disposition, self._silence_failure)
        elif self.pending:
            await self._think(self.pending.popleft())
        elif self.input_over and self._thinking is None:
            self.end("")
        else:
            self.wait_for_caller()

    # Keys, typed words, silence.

    async def on_text(self, text: str) -> None:
        """The caller typed."""
        await self._on_message(text)

    async def on_keys(self, keys: str) -> None:
        """The caller pressed telephone keys: they gather until the answer is whole."""
        self.desk.timers.clear("silence")
        for key in keys:
            if key != "#":
                self._keys += key
            if key == "#" or len(self._keys) == self.expectation.keys:
                await self.on_keys_over()
        if self._keys:
            self.desk.timers.set("keys", self._loop.time() + self._pace.keys_s)

    async def on_keys_over(self) -> None:
        """No more keys come."""
        keys, self._keys = self._keys, ""
        self.desk.timers.clear("keys")
        if keys:
            await self._on_message(keys, self.desk.policy.read_keys(self._base(), keys, self.desk.call()))

    async def _on_message(self, text: str, meaning: Understanding | None = None) -> None:
        """What was typed is whole: it ends the agent's turn where it may, and waits its turn where it may not."""
        heard = self._typed(text)
        if self.agent.turn is not None and not self.agent.turn.filler and self._may_interrupt(self.agent.turn):
            metrics.INTERRUPTED.inc()
            await self.agent.break_off()
        self.silences = 0
        self.desk.timers.clear("silence")
        turn = self.hearing.close(heard, self._trace(heard.end), meaning)
        await self.desk.emit(model.Transcribed(turn.turn_id, heard))
        await self.take_turn(turn)

    def _typed(self, text: str) -> model.Heard:
        intake = self.desk.intake
        place = intake.clock.position if intake is not None else self.desk.timers.elapsed()
        return model.Heard(0, text, is_final=True, start=place, end=place)

    async def on_silence(self, failure: MeshError) -> None:
        """The caller says nothing."""
        self.silences += 1
        state, reply = self.desk.policy.on_silence(self._base(), self.silences)
        if reply.end:
            self._silence_failure = failure
        await self.say(reply, state)

    def wait_for_caller(self) -> None:
        """It is the caller's turn, if nobody speaks."""
        busy = self.agent.turn is not None or self._thinking is not None or self.hearing.speaking
        if busy or self.quiet or self.input_over or self.agent.away:
            self.desk.timers.clear("silence")
        else:
            self.desk.timers.set("silence", self._loop.time() + self._silence_s)

    async def on_input_over(self) -> None:
        """Nothing more will be heard."""
        self.input_over = True
        self.desk.timers.clear("silence")
        if self.agent.turn is None and not self.pending and self._thinking is None:
            self.end("")

    async def set_quiet(self, *, quiet: bool, on_hold: bool | None) -> None:
        """The caller is muted or on hold, or no longer; on hold nothing is said either."""
        self.quiet = quiet
        if on_hold:
            await self.agent.pause()
        elif on_hold is False:
            await self.agent.resume()
        self.wait_for_caller()

    def end(self, disposition: str, failure: MeshError | None = None) -> None:
        """The conversation is over."""
        self.over = (disposition, failure)

    async def finish(self) -> None:
        """Take down what is left: the session is over."""
        self._thinking_over()
        await self.settle()
        while self.pending:
            await self._note(self.pending.popleft())
        await self.agent.close()

    def _thinking_over(self) -> None:
        turn, self._thinking = self._thinking, None
        if turn is not None:
            turn.trace.close()
            self.pending.appendleft(turn)
        self._discard()
