"""One conversation: an actor that takes in what happens, one thing at a time, and decides what to do.

Everything that happens - words, playback, silence, the caller's context - reaches the actor through one bounded
inbox. When it is full the reader of the client's stream waits, and with it the client. Audio does not pass
through the inbox: it goes straight to the recogniser.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from mesh import logs
from mesh.errors import MeshError, protocol_violation
from services.dialogue import metrics, model
from services.dialogue.agent_turn import AgentTurn, Speaker
from services.dialogue.intake import AudioIntake
from services.dialogue.outcome import outcome_of
from services.dialogue.phrases import Phrases
from services.dialogue.policy import CallInfo, Expectation, OpenItem, Policy, Reply, State
from services.dialogue.ports import CallRecord, Neighbours, Understander, Voice
from services.dialogue.refusals import (
    connection_dropped,
    consent_withheld,
    going_away,
    nothing_heard,
    session_too_long,
    unsupported_language,
)
from services.dialogue.turn_trace import TurnTrace

_log = logs.get_logger(__name__)
_INBOX = 256
_MAX_PENDING_TURNS = 8
_DRAIN_SHARE = 0.8
"""Of the time that calls get when the process goes away; then they end themselves, while they still can."""

Emit = Callable[[model.SessionOutput], Awaitable[None]]


@dataclass(frozen=True)
class _CallerTurn:
    """What the caller said, waiting for its answer."""

    turn_id: str
    heard: model.Heard
    trace: TurnTrace


@dataclass(frozen=True)
class Limits:
    """Times and sizes, in seconds unless named otherwise."""

    session_s: float
    silence_s: float
    forward_ms: int
    drain_s: float


class Session:
    """Holds one conversation from its greeting to its outcome.

    Args:
        info: what the session was started with.
        policy: decides the agent's words.
        neighbours: opens the streams to the other services.
        record: takes down what happens.
        emit: sends to the client; waits while the client reads slowly.
        limits: times and sizes.
        supported_languages: of the session's domain.
        phrases: words that are likely in an answer.
    """

    def __init__(
        self,
        info: model.SessionInfo,
        *,
        policy: Policy,
        neighbours: Neighbours,
        record: CallRecord,
        emit: Emit,
        limits: Limits,
        supported_languages: tuple[str, ...],
        phrases: Phrases,
    ) -> None:
        self.info = info
        self._policy = policy
        self._neighbours = neighbours
        self._record = record
        self._emit = emit
        self._limits = limits
        self._supported = supported_languages
        self._phrases = phrases
        self._inbox: asyncio.Queue[model.SessionInput] = asyncio.Queue(_INBOX)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._context = model.CallerContext()
        self._state: State | None = None
        self._committed: State | None = None
        self._intake: AudioIntake | None = None
        self._understander: Understander
        self._speaker: Speaker
        self._agent: AgentTurn | None = None
        self._pending: deque[_CallerTurn] = deque()
        self._trace: TurnTrace | None = None
        self._open_turn = ""
        self._caller_turns = 0
        self._agent_turns = 0
        self._sentiments: list[float] = []
        self._silence_at: float | None = None
        self._leave_at: float | None = None
        self._silences = 0
        self._quiet = False
        self._input_over = False
        self._over = False
        self._disposition = ""
        self._failure: MeshError | None = None

    async def run(self, incoming: AsyncIterator[model.CallerInput], instance: str, draining: asyncio.Event) -> None:
        """Converse until the conversation is over.

        Raises:
            MeshError: consent withheld, the caller silent for too long, a protocol violation, a neighbour down.
        """
        async with contextlib.AsyncExitStack() as stack:
            consent = await stack.enter_async_context(self._neighbours.consent(self.info))
            if self.info.direction == "outbound":
                _require(await consent.decide())
            await self._record.started(datetime.now(UTC))
            try:
                await self._emit(model.Started(self.info, instance))
                crm = await stack.enter_async_context(self._neighbours.crm(self.info))
                await self._open_streams(stack)
                async with asyncio.TaskGroup() as tasks:
                    self._speaker.tasks = tasks
                    helpers = [
                        tasks.create_task(self._read(incoming)),
                        tasks.create_task(crm.contexts(self._inbox.put)),
                        tasks.create_task(consent.withdrawals(self._inbox.put)),
                        tasks.create_task(self._await_drain(draining)),
                    ]
                    if self._intake is not None:
                        helpers.append(tasks.create_task(self._listen()))
                    self._crm = crm
                    await self._converse()
                    self._speaker.stop()
                    for helper in helpers:
                        helper.cancel()
            finally:
                await self._finish()
        if self._failure is not None:
            raise self._failure

    async def _open_streams(self, stack: contextlib.AsyncExitStack) -> None:
        self._understander = await stack.enter_async_context(self._neighbours.understander(self.info))
        voice: Voice | None = None
        if self.info.output_audio is not None:
            voice = await stack.enter_async_context(self._neighbours.voice(self.info))
        self._speaker = Speaker(voice, self.info, self._emit, self._inbox.put)
        if self.info.input_audio is not None:
            recognition = await stack.enter_async_context(self._neighbours.recognition(self.info))
            self._intake = AudioIntake(self.info.input_audio, recognition, self._limits.forward_ms)

    # Tasks beside the actor.

    async def _read(self, incoming: AsyncIterator[model.CallerInput]) -> None:
        async for item in incoming:
            if not isinstance(item, model.CallerAudio):
                await self._inbox.put(item)
            elif self._intake is None:
                raise protocol_violation("text", "audio in a session started without input_audio")
            else:
                await self._intake.take(item)
        await self._inbox.put(model.ClientGone())

    async def _listen(self) -> None:
        assert self._intake is not None
        async for event in self._intake.recognition.events():
            await self._inbox.put(event)

    async def _await_drain(self, draining: asyncio.Event) -> None:
        await draining.wait()
        await self._inbox.put(model.Draining())

    # The actor.

    async def _converse(self) -> None:
        self._state, reply = self._policy.start(self._call_info())
        await self._say(reply, in_reply_to="")
        while not self._over:
            item = await self._next()
            if item is None:
                await self._on_time()
            else:
                await _HANDLERS[type(item)](self, item)

    async def _next(self) -> model.SessionInput | None:
        """Return what happens next; None when a moment has come that was waited for."""
        deadline = self._began + self._limits.session_s
        for moment in (self._silence_at, self._leave_at, self._agent.delivered_at if self._agent else None):
            if moment is not None:
                deadline = min(deadline, moment)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _on_time(self) -> None:
        now = self._loop.time()
        if now >= self._began + self._limits.session_s:
            self._end("session_too_long", session_too_long(self._limits.session_s))
        elif self._leave_at is not None and now >= self._leave_at:
            self._end("", going_away())
        elif self._agent is not None and self._agent.delivered_at is not None and now >= self._agent.delivered_at:
            await self._delivered()
        elif self._silence_at is not None and now >= self._silence_at:
            await self._on_silence()

    async def _on_silence(self) -> None:
        assert self._state is not None
        self._silence_at = None
        self._silences += 1
        self._state, reply = self._policy.on_silence(self._state, self._silences)
        if reply.end:
            self._failure = nothing_heard(self._limits.silence_s)
        await self._say(reply, in_reply_to="")

    async def _on_activity(self, item: model.SpeechActivity) -> None:
        if item.kind in {"started", "resumed"}:
            self._silence_at = None
        elif item.kind == "ended":
            self._trace = self._begin_trace(item.at)
            self._wait_for_caller()

    def _begin_trace(self, end: float) -> TurnTrace:
        assert self._intake is not None
        now = self._loop.time()
        return TurnTrace(spoken_until=self._intake.clock.arrival_of(end, now), ended=now, now=self._loop.time)

    async def _on_heard(self, item: model.Heard) -> None:
        if not item.text.strip():
            return
        self._silence_at, self._silences = None, 0
        if not self._open_turn:
            self._caller_turns += 1
            self._open_turn = f"c{self._caller_turns}"
        await self._emit(model.Transcribed(self._open_turn, item))
        if self._agent is not None and self._agent.interruptible:
            await self._interrupt()
        if item.is_final:
            trace = self._trace or self._begin_trace(item.end)
            trace.transcribed()
            turn = _CallerTurn(self._open_turn, item, trace)
            self._open_turn, self._trace = "", None
            await self._take_turn(turn)

    async def _take_turn(self, turn: _CallerTurn) -> None:
        if self._agent is None:
            await self._answer(turn)
        elif not self._agent.reply.end and len(self._pending) < _MAX_PENDING_TURNS:
            self._pending.append(turn)
        else:
            _log.info("turn.unanswered", turn_id=turn.turn_id, agent_turn=self._agent.turn_id)

    async def _on_text(self, item: model.CallerText) -> None:
        place = self._intake.clock.position if self._intake else self._loop.time() - self._began
        self._trace = TurnTrace(spoken_until=self._loop.time(), ended=self._loop.time(), now=self._loop.time)
        await self._on_heard(model.Heard(0, item.text, is_final=True, start=place, end=place))

    async def _answer(self, turn: _CallerTurn) -> None:
        assert self._state is not None
        turn_id, heard, trace = turn.turn_id, turn.heard, turn.trace
        with trace.span(turn_id, self.info.session_id):
            with trace.stage("turn.understand", "understanding"):
                understanding = await self._understander.understand(turn_id, heard)
            # Before anything that may wait for the client: what was said is not lost with its connection.
            await self._record.turn(turn_id, heard, understanding)
            with trace.stage("turn.policy", "policy"):
                self._state, reply = self._policy.respond(self._state, understanding, self._call_info())
            await self._emit(model.Understood(turn_id, understanding, self._state.slots))
            if understanding.sentiment is not None:
                self._sentiments.append(understanding.sentiment)
            await self._crm.learned(turn_id, understanding, heard.end)
            await self._say(reply, in_reply_to=turn_id, trace=trace)

    async def _say(self, reply: Reply, *, in_reply_to: str, trace: TurnTrace | None = None) -> None:
        assert self._state is not None
        if self._agent is not None:
            await self._interrupt()
        self._agent_turns += 1
        self._agent = AgentTurn(f"a{self._agent_turns}", in_reply_to, reply, self._state, trace)
        await self._emit(model.AgentBegins(self._agent.turn_id, in_reply_to, reply.text))
        self._speaker.begin(self._agent)
        await self._expect(reply.expectation)

    async def _expect(self, expectation: Expectation) -> None:
        """Let the neighbours read the answer in the light of the question."""
        await self._understander.expect(expectation, self.info.language)
        if self._intake is not None:
            words = self._phrases.likely(self.info.domain, self.info.language, expectation)
            await self._intake.recognition.configure(self.info.language, words)

    async def _on_spoke(self, item: model.AgentSpoke) -> None:
        turn = self._agent
        if turn is None or turn.turn_id != item.turn_id:
            return
        turn.duration = item.duration
        await self._emit(model.AgentEnded(turn.turn_id, item.duration, interrupted=False, latency=turn.latency()))
        turn.sent(self._loop.time(), acknowledged=self.info.acknowledges_playback)
        if turn.is_heard:
            await self._delivered()

    async def _on_playback(self, item: model.Playback) -> None:
        turn = self._agent
        if turn is None or turn.turn_id != item.turn_id:
            return
        turn.played = max(turn.played, item.played)
        turn.finished = turn.finished or item.finished
        if turn.is_heard:
            await self._delivered()

    async def _delivered(self) -> None:
        """The agent's turn was heard: only now do its outcomes take effect."""
        turn = self._agent
        assert turn is not None
        self._agent, self._committed = None, turn.state
        await self._record.delivered(turn.turn_id, turn.reply.text, turn.reply.outcomes, turn.state)
        if turn.reply.end:
            self._end(turn.reply.disposition, self._failure)
            return
        if self._pending:
            await self._answer(self._pending.popleft())
        elif self._input_over:
            self._end("")
        else:
            self._wait_for_caller()

    async def _interrupt(self) -> None:
        """Stop the agent's turn: the caller speaks."""
        turn, self._agent = self._agent, None
        assert turn is not None
        self._speaker.stop()
        turn.close()
        await self._emit(model.StopPlayback(turn.turn_id))
        await self._emit(model.AgentEnded(turn.turn_id, turn.played, interrupted=True, latency=turn.latency()))
        metrics.INTERRUPTED.inc()

    async def _on_context(self, item: model.CallerContext) -> None:
        self._context = item
        if item.contact_id:
            self._record.identified(item.contact_id, item.name)

    async def _on_withdrawn(self, item: model.ConsentWithdrawn) -> None:
        if self.info.direction == "outbound" and not (self._agent and self._agent.reply.end):
            self._end("consent_withdrawn", consent_withheld(denied=item.denied, reason=item.reason))

    async def _on_update(self, item: model.SessionUpdate) -> None:
        if item.language is not None and item.language != self.info.language:
            await self._change_language(item.language)
        if self._intake is not None and item.on_hold is not None:
            self._intake.on_hold = item.on_hold
        if item.on_hold is not None or item.muted is not None:
            self._quiet = bool(item.on_hold or item.muted)
            self._wait_for_caller()

    async def _change_language(self, language: str) -> None:
        primary = language.partition("-")[0].lower()
        if primary not in {tag.partition("-")[0].lower() for tag in self._supported}:
            await self._emit(model.Refused(unsupported_language(language, self._supported)))
            return
        self.info = replace(self.info, language=language)
        await self._speaker.set_language(language)
        await self._expect(self._agent.reply.expectation if self._agent else Expectation())

    async def _on_end_of_audio(self, _: model.EndOfAudio) -> None:
        if self._intake is not None:
            await self._intake.finish()
        else:
            await self._on_recognition_ended(model.RecognitionEnded())

    async def _on_recognition_ended(self, _: model.RecognitionEnded) -> None:
        self._input_over = True
        self._silence_at = None
        if self._agent is None and not self._pending:
            self._end("")

    async def _on_end(self, item: model.EndSession) -> None:
        _log.info("session.ended_by_client", session_id=self.info.session_id, reason=item.reason)
        self._end("")

    async def _on_gone(self, _: model.ClientGone) -> None:
        self._end("", connection_dropped())

    async def _on_draining(self, _: model.Draining) -> None:
        self._leave_at = self._loop.time() + _DRAIN_SHARE * self._limits.drain_s
        await self._emit(model.GoingAway(_DRAIN_SHARE * self._limits.drain_s))

    # What the handlers share.

    def _wait_for_caller(self) -> None:
        waiting = self._agent is None and not self._quiet and not self._input_over
        self._silence_at = self._loop.time() + self._limits.silence_s if waiting else None

    def _call_info(self) -> CallInfo:
        zone = ZoneInfo(self.info.time_zone or "UTC")
        return CallInfo(
            domain=self.info.domain,
            language=self.info.language,
            time_zone=self.info.time_zone or "UTC",
            now=datetime.now(zone),
            direction=self.info.direction,
            contact_name=self._context.name,
            open_items=tuple(OpenItem(*item) for item in self._context.open_items),
            flow=self.info.flow,
        )

    def _end(self, disposition: str, failure: MeshError | None = None) -> None:
        self._over, self._disposition, self._failure = True, disposition, failure

    async def _finish(self) -> None:
        """Leave the call's one outcome, whatever ended it, then tell the client if it is still there."""
        state = self._committed
        disposition, summary = outcome_of(self._policy, state, self._disposition)
        if self._agent is not None:
            self._agent.close()
        end = model.Ended(
            disposition=disposition,
            summary=summary,
            intents=state.served if state else (),
            slots=state.slots if state else (),
            duration=self._loop.time() - self._began,
            caller_turns=self._caller_turns,
            agent_turns=self._agent_turns,
        )
        sentiment = sum(self._sentiments) / len(self._sentiments) if self._sentiments else None
        await self._record.ended(end, state, sentiment)
        metrics.ENDED.labels(disposition).inc()
        if self._over:
            await self._emit(end)


_HANDLERS: dict[type, Callable[[Session, Any], Awaitable[None]]] = {
    model.CallerText: Session._on_text,  # noqa: SLF001 - the actor's own table
    model.Playback: Session._on_playback,  # noqa: SLF001
    model.SessionUpdate: Session._on_update,  # noqa: SLF001
    model.EndOfAudio: Session._on_end_of_audio,  # noqa: SLF001
    model.EndSession: Session._on_end,  # noqa: SLF001
    model.ClientGone: Session._on_gone,  # noqa: SLF001
    model.SpeechActivity: Session._on_activity,  # noqa: SLF001
    model.Heard: Session._on_heard,  # noqa: SLF001
    model.RecognitionEnded: Session._on_recognition_ended,  # noqa: SLF001
    model.CallerContext: Session._on_context,  # noqa: SLF001
    model.ConsentWithdrawn: Session._on_withdrawn,  # noqa: SLF001
    model.AgentSpoke: Session._on_spoke,  # noqa: SLF001
    model.Draining: Session._on_draining,  # noqa: SLF001
}


def _require(decision: model.ConsentDecision) -> None:
    if not decision.allowed:
        raise consent_withheld(denied=decision.denied, reason=decision.reason)
