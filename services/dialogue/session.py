"""One conversation: an actor that takes in what happens, one thing at a time.

Everything that happens - words, playback, silence, the caller's context - reaches the actor through one bounded
inbox. When it is full the reader of the client's stream waits, and with it the client. Audio does not pass
through the inbox: it goes straight to the recogniser. What is said and when is decided in `turns/floor.py`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from services.dialogue import beside, metrics, model
from services.dialogue.actions import Actions
from services.dialogue.intake import AudioIntake
from services.dialogue.keeper import Keeper
from services.dialogue.kept import Kept
from services.dialogue.limits import Limits
from services.dialogue.line import Line
from services.dialogue.outcome import call_info, ended
from services.dialogue.phrases import Phrases
from services.dialogue.policy import CallInfo, Expectation, Policy
from services.dialogue.ports import CallRecord, Neighbours, Understander
from services.dialogue.refusals import (
    connection_dropped,
    consent_withheld,
    going_away,
    nothing_heard,
    require_consent,
    session_too_long,
    unsupported_language,
)
from services.dialogue.snapshot import Snapshot
from services.dialogue.turns.agent_side import AgentSide, Emit
from services.dialogue.turns.desk import Desk
from services.dialogue.turns.errands import Errands
from services.dialogue.turns.floor import Floor
from services.dialogue.turns.habits import SpeechHabits
from services.dialogue.turns.preparation import Preparation, Preparer
from services.dialogue.turns.speaker import Speaker
from services.dialogue.turns.timers import Timers

_log = logs.get_logger(__name__)
_INBOX = 256
_ON_RECORD_S = 3.0
_DRAIN_SHARE = 0.8
"""Of the time that calls get when the process goes away; then they end themselves, while they still can."""

Event = model.SessionInput | Preparation


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
        habits: how people speak.
        actions: what can be done for the caller; None: nothing.
        line: to the client; None: one connection is all there is.
        keeper: keeps the session's snapshot; None: nobody else can go on with it.
        token: what resumes the session.
        taken: where the session stood when another instance had it; None: it is new.
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
        habits: SpeechHabits,
        actions: Actions | None = None,
        line: Line | None = None,
        keeper: Keeper | None = None,
        token: str = "",
        taken: Snapshot | None = None,
    ) -> None:
        self.info = info
        self._policy = policy
        self._neighbours = neighbours
        self._record = record
        self._emit = emit
        self._limits = limits
        self._supported = supported_languages
        self._phrases = phrases
        self._habits = habits
        self._actions = actions or Actions()
        self._line = line
        self._keeper = keeper
        self._token = token
        self._taken = taken
        self._kept: Kept | None = None
        self._left = False
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(_INBOX)
        self._loop = asyncio.get_running_loop()
        elapsed_s = taken.elapsed_s if taken is not None else 0.0
        self._timers = Timers(elapsed_s)
        self._timers.set("session", self._loop.time() + limits.session_s - elapsed_s)
        self._context = model.CallerContext()
        self._intake: AudioIntake | None = None
        self._understander: Understander
        self._floor: Floor | None = None

    async def run(
        self, incoming: AsyncIterator[model.CallerInput], started: model.Started, draining: asyncio.Event
    ) -> None:
        """Converse until the conversation is over.

        Args:
            incoming: what the client says.
            started: what the client is told first.
            draining: set when the process goes away.

        Raises:
            MeshError: consent withheld, the caller silent for too long, a protocol violation, a neighbour down.
        """
        async with contextlib.AsyncExitStack() as stack:
            consent = await stack.enter_async_context(self._neighbours.consent(self.info))
            if self.info.direction == "outbound":
                require_consent(await consent.decide())
            self._kept = self._keeping(started.instance)
            await self._record.started(datetime.now(UTC))
            await self._on_record()
            try:
                if self._taken is None:
                    await self._emit(started)
                crm = await stack.enter_async_context(self._neighbours.crm(self.info))
                speaker = await self._open_streams(stack)
                async with asyncio.TaskGroup() as tasks:
                    floor = self._floor = self._make_floor(speaker(tasks), tasks, crm)
                    tell = self._inbox.put
                    helpers = [
                        tasks.create_task(beside.read(incoming, self._intake, tell)),
                        tasks.create_task(crm.contexts(tell)),
                        tasks.create_task(consent.withdrawals(tell)),
                        tasks.create_task(beside.await_drain(draining, tell)),
                    ]
                    if self._intake is not None:
                        helpers.append(tasks.create_task(beside.listen(self._intake, tell)))
                    if self._line is not None:
                        helpers.append(tasks.create_task(beside.watch_line(self._line, tell)))
                    if self._kept is not None:
                        helpers += self._kept.keep(floor, tasks, tell)
                    await self._converse(floor)
                    await floor.finish()
                    for helper in helpers:
                        helper.cancel()
            finally:
                await self._finish()
        if self._floor is not None and self._floor.over is not None and self._floor.over[1] is not None:
            raise self._floor.over[1]

    def _keeping(self, instance: str) -> Kept | None:
        if self._keeper is None or self._line is None:
            return None
        return Kept(
            self._keeper,
            self._line,
            token=self._token,
            owner=instance,
            record=self._record,
            info=lambda: self.info,
            elapsed=self._timers.elapsed,
        )

    async def _on_record(self) -> None:
        """Wait until the call is on disk: one that the client knows of must leave its outcome, whatever happens.

        Not for ever: a database that is away costs a call its safety, not its caller.
        """
        try:
            async with asyncio.timeout(_ON_RECORD_S):
                await self._record.written()
        except TimeoutError:
            _log.warning("session.not_on_record_yet", session_id=self.info.session_id)

    async def _open_streams(self, stack: contextlib.AsyncExitStack) -> Callable[[asyncio.TaskGroup], Speaker]:
        info = self.info
        self._understander = await stack.enter_async_context(self._neighbours.understander(info))
        voice = None
        if info.output_audio is not None:
            voice = await stack.enter_async_context(self._neighbours.voice(info))
        if info.input_audio is not None:
            recognition = await stack.enter_async_context(self._neighbours.recognition(info))
            begin = self._taken.audio if self._taken is not None else None
            self._intake = AudioIntake(info.input_audio, recognition, self._limits.forward_ms, begin)
        return lambda tasks: Speaker(voice, info, self._emit, self._inbox.put, tasks)

    def _make_floor(self, speaker: Speaker, tasks: asyncio.TaskGroup, crm: Any) -> Floor:
        agent = AgentSide(speaker, self._emit, self._record, acknowledged=self.info.acknowledges_playback)
        desk = Desk(
            policy=self._policy,
            record=self._record,
            crm=crm,
            emit=self._emit,
            intake=self._intake,
            preparer=self._preparer(speaker),
            agent=agent,
            habits=lambda: self._habits.of(self.info.domain, self.info.language),
            call=self._call_info,
            expect=self._expect,
            tell=self._inbox.put,
            tasks=tasks,
            timers=self._timers,
            info=lambda: self.info,
        )
        return Floor(desk, self._limits.pace, self._limits.silence_s)

    def _preparer(self, speaker: Speaker) -> Preparer:
        errands = Errands(self._policy, self._actions, self._call_info)
        return Preparer(self._understander, errands, speaker)

    # The actor.

    async def _converse(self, floor: Floor) -> None:
        if self._taken is None:
            state, reply = self._policy.start(self._call_info())
            await floor.answers.say(reply, state)
        else:
            await floor.restore(self._taken)
        while floor.over is None:
            if self._kept is not None:
                self._kept.look(floor)
            item = await self._next(floor)
            if isinstance(item, model.Request):
                await _HANDLERS[type(item.what)](self, floor, item.what)
                self._acted_upon(item.number)
            elif item is not None:
                await _HANDLERS[type(item)](self, floor, item)
            await self._on_time(floor)

    def _acted_upon(self, number: int) -> None:
        if self._line is not None:
            self._line.acted_upon = number

    async def _next(self, floor: Floor) -> Event | None:
        """Return what happens next; None when a moment has come that was waited for."""
        moments = [moment for moment in (self._timers.next(), floor.agent.due()) if moment is not None]
        try:
            async with asyncio.timeout_at(min(moments, default=None)):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _on_time(self, floor: Floor) -> None:
        due = floor.agent.due()
        if floor.over is None and due is not None and self._loop.time() >= due:
            await floor.on_played()
        while floor.over is None and (name := self._timers.take_due()) is not None:
            await _TIMERS[name](self, floor)

    async def _on_session_limit(self, floor: Floor) -> None:
        floor.end("session_too_long", session_too_long(self._limits.session_s))

    async def _on_leave(self, floor: Floor) -> None:
        # A client that is away comes back elsewhere, or nobody ends the call but its lease (`adapters/recovery.py`).
        self._left = floor.agent.away and self._kept is not None
        floor.end("", going_away())

    async def _on_silence(self, floor: Floor) -> None:
        await floor.on_silence(nothing_heard(self._limits.silence_s))

    async def _expect(self, expectation: Expectation) -> None:
        """Let the neighbours read the answer in the light of the question."""
        await self._understander.expect(expectation, self.info.language)
        if self._intake is not None and self._floor is not None:
            words = self._phrases.likely(self.info.domain, self.info.language, expectation)
            longest = self._floor.answers.taking.longest_pause or 0.0
            await self._intake.recognition.configure(self.info.language, words, longest)

    async def _on_spoke(self, floor: Floor, item: model.AgentSpoke) -> None:
        await floor.agent.spoke(item)
        await floor.on_played()

    async def _on_playback(self, floor: Floor, item: model.Playback) -> None:
        floor.agent.played(item)
        await floor.on_played()

    async def _on_context(self, _: Floor, item: model.CallerContext) -> None:
        self._context = item
        if item.contact_id:
            self._record.identified(item.contact_id, item.name)

    async def _on_withdrawn(self, floor: Floor, item: model.ConsentWithdrawn) -> None:
        turn = floor.agent.turn
        if self.info.direction == "outbound" and not (turn is not None and turn.reply.end):
            floor.end("consent_withdrawn", consent_withheld(denied=item.denied, reason=item.reason))

    async def _on_update(self, floor: Floor, item: model.SessionUpdate) -> None:
        taking = item.turn_taking.over(self.info.turn_taking)
        barge_in = self.info.no_barge_in if item.no_barge_in is None else item.no_barge_in
        self.info = replace(self.info, turn_taking=taking, no_barge_in=barge_in)
        if item.language is not None and item.language != self.info.language:
            await self._change_language(floor, item.language)
        if self._intake is not None and item.on_hold is not None:
            self._intake.on_hold = item.on_hold
        if item.on_hold is not None or item.muted is not None:
            await floor.set_quiet(quiet=bool(item.on_hold or item.muted), on_hold=item.on_hold)

    async def _change_language(self, floor: Floor, language: str) -> None:
        primary = language.partition("-")[0].lower()
        if primary not in {tag.partition("-")[0].lower() for tag in self._supported}:
            await self._emit(model.Refused(unsupported_language(language, self._supported)))
            return
        before, self.info = self.info, replace(self.info, language=language)
        try:
            await self._expect(floor.answers.expectation)
        except MeshError as error:
            if error.reason != ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE:
                raise
            self.info = before  # the recogniser does not know it: the call goes on as it was
            await self._expect(floor.answers.expectation)
            await self._emit(model.Refused(error))
            return
        await floor.agent.speaker.set_language(language)

    async def _on_end_of_audio(self, floor: Floor, _: model.EndOfAudio) -> None:
        if self._intake is not None:
            await self._intake.finish()
        else:
            await floor.on_input_over()

    async def _on_end(self, floor: Floor, item: model.EndSession) -> None:
        _log.info("session.ended_by_client", session_id=self.info.session_id, reason=item.reason)
        floor.end("")

    async def _on_gone(self, floor: Floor, _: model.ClientGone) -> None:
        floor.end("", connection_dropped())

    async def _on_line_changed(self, floor: Floor, item: model.LineChanged) -> None:
        if item.attached == (not floor.agent.away):
            return
        floor.agent.away = not item.attached
        if item.attached:
            self._timers.clear("away")
            await floor.on_played()
        else:
            metrics.AWAY.inc()
            _log.info("session.away", session_id=self.info.session_id, resume_s=self._limits.resume_s)
            self._timers.set("away", self._loop.time() + self._limits.resume_s)
        floor.wait_for_caller()

    async def _on_away_for_good(self, floor: Floor) -> None:
        floor.end("", connection_dropped())

    async def _on_superseded(self, floor: Floor, _: model.Superseded) -> None:
        floor.end("", connection_dropped())

    async def _on_draining(self, _: Floor, __: model.Draining) -> None:
        self._timers.set("leave", self._loop.time() + _DRAIN_SHARE * self._limits.drain_s)
        await self._emit(model.GoingAway(_DRAIN_SHARE * self._limits.drain_s))

    def _call_info(self) -> CallInfo:
        return call_info(self.info, self._context)

    async def _finish(self) -> None:
        """Leave the call's one outcome, whatever ended it, then tell the client if it is still there."""
        floor = self._floor
        if self._left or (self._kept is not None and await self._kept.belongs_to_another()):
            _log.info("session.left_to_others", session_id=self.info.session_id)
            if floor is not None:
                await floor.let_go()
            return
        state = floor.committed if floor is not None else None
        over = floor.over if floor is not None else None
        if floor is not None:
            await floor.finish()
        end = ended(
            self._policy,
            state,
            over[0] if over is not None else "",
            duration=self._timers.elapsed(),
            caller_turns=floor.hearing.turns if floor is not None else 0,
            agent_turns=floor.agent.turns if floor is not None else 0,
        )
        sentiments = floor.answers.sentiments if floor is not None else []
        end = await self._record.ended(end, state, sum(sentiments) / len(sentiments) if sentiments else None)
        metrics.ENDED.labels(end.disposition).inc()
        if self._kept is not None:
            await self._kept.forget()
        if over is not None:
            await self._emit(end)


_HANDLERS: dict[type, Callable[[Session, Floor, Any], Awaitable[None]]] = {
    model.CallerText: lambda _, floor, item: floor.on_text(item.text),
    model.CallerKeys: lambda _, floor, item: floor.on_keys(item.keys),
    model.SpeechActivity: lambda _, floor, item: floor.on_activity(item),
    model.Heard: lambda _, floor, item: floor.on_heard(item),
    model.RecognitionEnded: lambda _, floor, __: floor.on_input_over(),
    Preparation: lambda _, floor, item: floor.answers.on_prepared(item),
    model.AgentSpoke: Session._on_spoke,  # noqa: SLF001 - the actor's own table
    model.Playback: Session._on_playback,  # noqa: SLF001
    model.SessionUpdate: Session._on_update,  # noqa: SLF001
    model.EndOfAudio: Session._on_end_of_audio,  # noqa: SLF001
    model.EndSession: Session._on_end,  # noqa: SLF001
    model.ClientGone: Session._on_gone,  # noqa: SLF001
    model.Superseded: Session._on_superseded,  # noqa: SLF001
    model.LineChanged: Session._on_line_changed,  # noqa: SLF001
    model.CallerContext: Session._on_context,  # noqa: SLF001
    model.ConsentWithdrawn: Session._on_withdrawn,  # noqa: SLF001
    model.Draining: Session._on_draining,  # noqa: SLF001
}

_TIMERS: dict[str, Callable[[Session, Floor], Awaitable[None]]] = {
    "session": Session._on_session_limit,  # noqa: SLF001
    "leave": Session._on_leave,  # noqa: SLF001
    "away": Session._on_away_for_good,  # noqa: SLF001
    "silence": Session._on_silence,  # noqa: SLF001
    "barge_in": lambda _, floor: floor.on_barge_in(),
    "doubt": lambda _, floor: floor.on_doubt(),
    "filler": lambda _, floor: floor.answers.on_filler(),
    "settle": lambda _, floor: floor.answers.settle(),
    "keys": lambda _, floor: floor.on_keys_over(),
}
