"""Who has the floor: hears the caller, stops the agent for words, lets it go on after a mere sound.

The rules, in short. A pause is judged by what was said before it; meanwhile the answer is prepared. Sounds over the
agent's voice pause it; words end its turn, anything else lets it go on. Words that follow within a moment of a turn's
end belong to that turn, and the answer to its first part never was. What has consequences is heard first.
"""

import asyncio

from mesh.errors import MeshError
from services.dialogue import metrics, model
from services.dialogue.policy import State, Understanding
from services.dialogue.snapshot import AgentSnapshot, AudioSnapshot, Snapshot
from services.dialogue.turns.agent_turn import AgentTurn
from services.dialogue.turns.answers import Answers
from services.dialogue.turns.barge_in import is_interruption
from services.dialogue.turns.desk import Desk, Pace
from services.dialogue.turns.habits import made_of, words_of
from services.dialogue.turns.hearing import DETECTION_S, Hearing
from services.dialogue.turns.trace import TurnTrace

_BEFORE_ONSET_S = 0.3
"""Audio before the onset of speech that belongs to it."""


class Floor:
    """Takes the session's events one at a time; every method is called by the session's actor alone.

    Args:
        desk: what it works with.
        pace: how turns are taken.
        silence_s: silence of the caller before a prompt.
    """

    def __init__(self, desk: Desk, pace: Pace, silence_s: float) -> None:
        self.desk = desk
        self.agent = desk.agent
        self.hearing = Hearing()
        self.answers = Answers(desk, pace, self.hearing)
        self.committed: State | None = None
        """Where the conversation stood when something last took effect."""
        self.silences = 0
        self.input_over = False
        self.quiet = False
        """Whether silence is not the caller's: muted or on hold."""
        self.over: tuple[str, MeshError | None] | None = None
        """Disposition and failure once the conversation is over."""
        self._pace = pace
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._ended_at: tuple[float, float] | None = None
        self._keys = ""
        self._silence_failure: MeshError | None = None

    # What the recogniser says.

    async def on_activity(self, item: model.SpeechActivity) -> None:
        """The caller's voice began, paused, went on or ended."""
        if item.kind in {"started", "resumed"}:
            self.desk.timers.clear("silence")
            self.hearing.voice_begins(item.at, self._loop.time(), anew=item.kind == "started")
            if item.kind == "started":
                self._wait_for_barge_in()
            elif self.answers.thinking is None:
                self.answers.discard()
            return
        self.hearing.voice_stops(item.at if item.kind == "paused" else None)
        if item.kind == "ended":
            self._ended_at = (item.at, self._loop.time())
            self.wait_for_caller()

    async def on_heard(self, item: model.Heard) -> None:
        """The caller's words: while they grow, at a pause, at the end."""
        if item.is_final:
            await self._on_final(item)
        elif item.is_speculative and self.hearing.speaking:
            return  # the caller has gone on since
        elif not item.text.strip() or not await self._claims(item):
            if item.is_speculative:
                await self._false_alarm()
        else:
            self.silences = 0
            await self.desk.emit(model.Transcribed(self.hearing.open_turn(), self.hearing.so_far(item)))
            if item.is_speculative and self.agent.turn is None:
                self.answers.speculate(item)

    async def _on_final(self, item: model.Heard) -> None:
        self.hearing.voice_stops(None)
        said = bool(item.text.strip())
        claims = await self._claims(item) if said else self.hearing.continued
        self.hearing.onset = None
        if not claims and not (said and self._is_feedback(item)):
            # A noise, or words heard in one: nobody said them.
            self.hearing.forget()
            await self._nothing_said()
            return
        self.silences = 0
        turn = self.hearing.close(item, self._trace(item.end))
        await self.desk.emit(model.Transcribed(turn.turn_id, turn.heard))
        if claims:
            await self.answers.take_turn(turn)
        else:
            await self.answers.note(turn)
            await self._nothing_said()

    async def _nothing_said(self) -> None:
        await self._false_alarm()
        self.wait_for_caller()

    def _is_feedback(self, item: model.Heard) -> bool:
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
            if claims and self.answers.goes_on:
                await self.answers.take_back()
            return claims
        goes_on = self.answers.goes_on or self.answers.may_repair(turn)
        claims = is_interruption(
            item.text,
            item.confidence,
            habits=self.desk.habits(),
            expectation=turn.reply.expectation,
            question_heard=turn.question_heard(self._loop.time()),
            goes_on=goes_on,
        )
        if claims and goes_on:
            await self.answers.take_back()
        elif claims and self._may_interrupt(turn):
            await self._interrupt()
        elif claims:
            # It has taken effect meanwhile: it is heard to its end, the words are answered then.
            await self.agent.resume()
        return claims

    # Sounds and words over the agent's voice.

    def _may_interrupt(self, turn: AgentTurn) -> bool:
        return turn.interruptible and not self.desk.info().no_barge_in

    async def _interrupt(self) -> None:
        self.desk.timers.clear("barge_in", "doubt")
        metrics.INTERRUPTED.inc()
        await self.answers.interrupt()

    def _wait_for_barge_in(self) -> None:
        turn = self.agent.turn
        if turn is None or turn.first_audio_at is None:
            return
        if self._may_interrupt(turn) or self.answers.may_repair(turn):
            needed = self.answers.taking.barge_in_speaking or 0.0
            self.desk.timers.set("barge_in", self._loop.time() + max(0.0, needed - DETECTION_S))

    async def on_barge_in(self) -> None:
        """The caller has spoken over the agent for long enough."""
        if self.hearing.speaking and self.agent.turn is not None:
            await self.agent.pause()
            self.desk.timers.set("doubt", self._loop.time() + self._pace.doubt_s)

    async def on_doubt(self) -> None:
        """A sound goes on and on without words."""
        self.hearing.voice_stops(None)
        await self._false_alarm()

    async def _false_alarm(self) -> None:
        """What was heard is no turn of the caller's: the agent goes on."""
        self.desk.timers.clear("barge_in", "doubt")
        if self.agent.turn is not None and self.agent.turn.paused and not self.quiet:
            metrics.FALSE_ALARMS.inc()
            await self.agent.resume()
        elif self.agent.turn is None:
            await self.answers.reply()

    # What the agent's turn comes to.

    async def on_played(self) -> None:
        """Time has passed or the client has played: see what took effect and what was heard."""
        turn = self.agent.turn
        if turn is not None and turn.takes_effect(self._loop.time()) and not turn.effective and not self.agent.away:
            if not turn.filler:
                await self.answers.settle()
                self.committed = turn.state
            await self.agent.take_effect()
        delivered = await self.agent.deliver()
        if delivered is not None:
            await self._delivered(delivered)

    async def _delivered(self, turn: AgentTurn) -> None:
        if turn.filler:
            await self.answers.reply()
        elif turn.reply.end:
            self.end(turn.reply.disposition, self._silence_failure)
        elif turn.reply.action is not None:
            self.answers.act(turn)
        elif self.answers.pending:
            await self.answers.think(self.answers.pending.popleft())
        elif self.input_over and not self.answers.busy:
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
            if key == "#" or len(self._keys) == self.answers.expectation.keys:
                await self.on_keys_over()
        if self._keys:
            self.desk.timers.set("keys", self._loop.time() + self._pace.keys_s)

    async def on_keys_over(self) -> None:
        """No more keys come."""
        keys, self._keys = self._keys, ""
        self.desk.timers.clear("keys")
        if keys:
            await self._on_message(keys, self.desk.policy.read_keys(self.answers.base, keys, self.desk.call()))

    async def _on_message(self, text: str, meaning: Understanding | None = None) -> None:
        """What was typed is whole: it ends the agent's turn where it may, and waits its turn where it may not."""
        heard = self._typed(text)
        if self.agent.turn is not None and not self.agent.turn.filler and self._may_interrupt(self.agent.turn):
            await self._interrupt()
        self.silences = 0
        self.desk.timers.clear("silence")
        turn = self.hearing.message(heard, self._trace(heard.end), meaning)
        await self.desk.emit(model.Transcribed(turn.turn_id, heard))
        await self.answers.take_turn(turn)

    def _typed(self, text: str) -> model.Heard:
        intake = self.desk.intake
        place = intake.clock.position if intake is not None else self.desk.timers.elapsed()
        return model.Heard(0, text, is_final=True, start=place, end=place)

    async def on_silence(self, failure: MeshError) -> None:
        """The caller says nothing."""
        self.silences += 1
        state, reply = self.desk.policy.on_silence(self.answers.base, self.silences)
        if reply.end:
            self._silence_failure = failure
        await self.answers.say(reply, state)

    def wait_for_caller(self) -> None:
        """It is the caller's turn, if nobody speaks."""
        busy = self.agent.turn is not None or self.answers.busy or self.hearing.speaking
        if busy or self.quiet or self.input_over or self.agent.away:
            self.desk.timers.clear("silence")
        else:
            self.desk.timers.set("silence", self._loop.time() + self._silence_s)

    async def on_input_over(self) -> None:
        """Nothing more will be heard."""
        self.input_over = True
        self.desk.timers.clear("silence")
        if self.agent.turn is None and not self.answers.pending and not self.answers.busy:
            self.end("")

    async def set_quiet(self, *, quiet: bool, on_hold: bool | None) -> None:
        """The caller is muted or on hold, or no longer; on hold nothing is said either."""
        self.quiet = quiet
        if on_hold is not None:
            self.answers.on_hold = on_hold
        if on_hold:
            await self.agent.pause()
        elif on_hold is False:
            await self.agent.resume()
            await self.answers.reply()
        self.wait_for_caller()

    def end(self, disposition: str, failure: MeshError | None = None) -> None:
        """The conversation is over."""
        self.over = (disposition, failure)

    async def finish(self) -> None:
        """Take down what is left: the session is over."""
        await self.answers.finish()
        self.committed = self.answers.achieved or self.committed
        await self.agent.close()

    async def let_go(self) -> None:
        """Another instance goes on: nothing is taken down here."""
        self.answers.discard()
        self.agent.speaker.stop()

    # Where the conversation stands, for another process.

    def standing(self) -> tuple[object, ...]:
        """Return what is different once the conversation has moved on."""
        turn = self.agent.turn
        return (
            id(self.answers.state),
            self.hearing.turns,
            self.silences,
            turn.turn_id if turn is not None else "",
            turn is not None and turn.effective,
            self.answers.unsettled,
            self.answers.waiting(),
            self.answers.errand,
        )

    def snapshot(
        self,
        *,
        info: model.SessionInfo,
        token_sha256: str,
        owner: str,
        elapsed_s: float,
        next_sequence: int,
        last_request: int,
    ) -> Snapshot:
        """Return the conversation as a document can hold it."""
        turn = self.agent.turn
        return Snapshot(
            info=info,
            token_sha256=token_sha256,
            owner=owner,
            state=self.answers.base,
            committed=self.committed,
            expectation=self.answers.expectation,
            caller_turns=self.hearing.turns,
            agent_turns=self.agent.turns,
            elapsed_s=elapsed_s,
            next_sequence=next_sequence,
            last_request=last_request,
            silences=self.silences,
            audio=self._heard_audio(),
            agent=None
            if turn is None
            else AgentSnapshot(
                turn.turn_id, turn.in_reply_to, turn.reply, turn.state, turn.effective, turn.filler, turn.row
            ),
            errand=self.answers.errand,
            waiting=self.answers.waiting(),
            unsettled=self.answers.unsettled,
            sentiments=tuple(self.answers.sentiments),
        )

    def _heard_audio(self) -> AudioSnapshot:
        """How far the audio has been heard for good: to the end of the last words, or to now if nobody speaks."""
        intake = self.desk.intake
        if intake is None:
            return AudioSnapshot()
        onset = self.hearing.onset
        place = intake.clock.position if onset is None else onset
        return intake.heard_up_to(max(0.0, place - _BEFORE_ONSET_S))

    async def restore(self, taken: Snapshot) -> None:
        """Go on where another process stood."""
        self.committed, self.silences = taken.committed, taken.silences
        self.hearing.restore(taken.caller_turns)
        self.agent.turns = taken.agent_turns
        await self.answers.restore(taken)
        if taken.agent is not None:
            await self.agent.again(taken.agent)
        elif self.answers.pending and not self.answers.busy:
            await self.answers.think(self.answers.pending.popleft())
        else:
            self.wait_for_caller()
