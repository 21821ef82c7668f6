"""One conversation, from greeting to outcome: opens what it needs, lets the actor converse, leaves the outcome."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from mesh import logs
from services.dialogue import beside, metrics, model
from services.dialogue.actions import Actions
from services.dialogue.actor import Actor
from services.dialogue.intake import AudioIntake
from services.dialogue.keeper import Keeper
from services.dialogue.kept import Kept
from services.dialogue.limits import Limits
from services.dialogue.line import Line
from services.dialogue.outcome import ended
from services.dialogue.phrases import Phrases
from services.dialogue.policy import Policy
from services.dialogue.ports import CallRecord, Neighbours
from services.dialogue.refusals import is_going_away, require_consent
from services.dialogue.snapshot import Snapshot
from services.dialogue.turns.agent_side import AgentSide, Emit
from services.dialogue.turns.desk import Desk
from services.dialogue.turns.errands import Errands
from services.dialogue.turns.floor import Floor
from services.dialogue.turns.habits import SpeechHabits
from services.dialogue.turns.preparation import Preparer
from services.dialogue.turns.speaker import Speaker

_log = logs.get_logger(__name__)
_ON_RECORD_S = 3.0


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
        self._policy = policy
        self._neighbours = neighbours
        self._record = record
        self._emit = emit
        self._limits = limits
        self._habits = habits
        self._actions = actions or Actions()
        self._line = line
        self._keeper = keeper
        self._token = token
        self._taken = taken
        self._actor = Actor(
            info,
            policy=policy,
            record=record,
            emit=emit,
            limits=limits,
            supported_languages=supported_languages,
            phrases=phrases,
            line=line,
            elapsed_s=taken.elapsed_s if taken is not None else 0.0,
        )

    @property
    def info(self) -> model.SessionInfo:
        """What the session is now."""
        return self._actor.info

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
            kept = self._actor.kept = self._keeping(started.instance)
            await self._record.started(datetime.now(UTC))
            await self._on_record()
            try:
                if self._taken is None:
                    await self._emit(started)
                crm = await stack.enter_async_context(self._neighbours.crm(self.info))
                speaker = await self._open_streams(stack)
                async with asyncio.TaskGroup() as tasks:
                    floor = self._actor.floor = self._make_floor(speaker(tasks), tasks, crm)
                    tell = self._actor.tell
                    helpers = [
                        tasks.create_task(beside.read(incoming, self._actor.intake, tell)),
                        tasks.create_task(crm.contexts(tell)),
                        tasks.create_task(consent.withdrawals(tell)),
                        tasks.create_task(beside.await_drain(draining, tell)),
                    ]
                    if self._actor.intake is not None:
                        helpers.append(tasks.create_task(beside.listen(self._actor.intake, tell)))
                    if self._line is not None:
                        helpers.append(tasks.create_task(beside.watch_line(self._line, tell)))
                    if kept is not None:
                        helpers += kept.keep(floor, tasks, tell)
                    await self._actor.converse(floor, self._taken)
                    await floor.finish()
                    for helper in helpers:
                        helper.cancel()
            finally:
                await self._finish()
        floor = self._actor.floor
        if floor is not None and floor.over is not None and floor.over[1] is not None:
            raise floor.over[1]

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
            elapsed=self._actor.timers.elapsed,
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
        self._actor.understander = await stack.enter_async_context(self._neighbours.understander(info))
        voice = None
        if info.output_audio is not None:
            voice = await stack.enter_async_context(self._neighbours.voice(info))
        if info.input_audio is not None:
            recognition = await stack.enter_async_context(self._neighbours.recognition(info))
            begin = self._taken.audio if self._taken is not None else None
            self._actor.intake = AudioIntake(
                info.input_audio,
                recognition,
                self._limits.forward_ms,
                begin,
                self._record.tape(info.input_audio, begin.place if begin else 0.0),
            )
        return lambda tasks: Speaker(voice, info, self._emit, self._actor.tell, tasks)

    def _make_floor(self, speaker: Speaker, tasks: asyncio.TaskGroup, crm: Any) -> Floor:
        agent = AgentSide(speaker, self._emit, self._record, acknowledged=self.info.acknowledges_playback)
        desk = Desk(
            policy=self._policy,
            record=self._record,
            crm=crm,
            emit=self._emit,
            intake=self._actor.intake,
            preparer=self._preparer(speaker),
            agent=agent,
            habits=lambda: self._habits.of(self.info.domain, self.info.language),
            call=self._actor.call_info,
            expect=self._actor.expect,
            tell=self._actor.tell,
            tasks=tasks,
            timers=self._actor.timers,
            info=lambda: self.info,
        )
        return Floor(desk, self._limits.pace, self._limits.silence_s)

    def _preparer(self, speaker: Speaker) -> Preparer:
        errands = Errands(self._policy, self._actions, self._actor.call_info)
        return Preparer(self._actor.understander, errands, speaker)

    async def _finish(self) -> None:
        """Leave the call's one outcome, whatever ended it, then tell the client if it is still there."""
        floor = self._actor.floor
        if self._actor.left or (self._actor.kept is not None and await self._actor.kept.belongs_to_another()):
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
            interrupted=over is not None and is_going_away(over[1]),
            duration=self._actor.timers.elapsed(),
            caller_turns=floor.hearing.turns if floor is not None else 0,
            agent_turns=floor.agent.turns if floor is not None else 0,
        )
        sentiments = floor.answers.sentiments if floor is not None else []
        end = await self._record.ended(end, state, sum(sentiments) / len(sentiments) if sentiments else None)
        metrics.ENDED.labels(end.disposition).inc()
        if self._actor.kept is not None:
            await self._actor.kept.forget()
        if over is not None:
            await self._emit(end)
