"""The actor of a conversation: takes in what happens, one thing at a time.

Everything that happens - words, playback, silence, the caller's context - reaches it through one bounded inbox. When
it is full the reader of the client's stream waits, and with it the client. Audio does not pass through the inbox: it
goes straight to the recogniser. What is said and when is decided in `turns/floor.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from services.dialogue import metrics, model
from services.dialogue.limits import Limits
from services.dialogue.line import Line
from services.dialogue.outcome import call_info
from services.dialogue.phrases import Phrases
from services.dialogue.policy import CallInfo, Expectation, Policy
from services.dialogue.ports import CallRecord, Understander
from services.dialogue.refusals import (
    connection_dropped,
    consent_withheld,
    going_away,
    nothing_heard,
    session_too_long,
    unsupported_language,
)
from services.dialogue.snapshot import Snapshot
from services.dialogue.turns.agent_side import Emit
from services.dialogue.turns.floor import Floor
from services.dialogue.turns.preparation import Preparation
from services.dialogue.turns.timers import Timers

if TYPE_CHECKING:
    from services.dialogue.intake import AudioIntake
    from services.dialogue.kept import Kept

_log = logs.get_logger(__name__)
_INBOX = 256
_DRAIN_SHARE = 0.8
"""Of the time that calls get when the process goes away; then they end themselves, while they still can."""

Event = model.SessionInput | Preparation


class Actor:
    """Acts upon what happens in one conversation, until it is over.

    Args:
        info: what the session is; what can change of it changes here.
        policy: decides the agent's words.
        record: takes down what happens.
        emit: sends to the client; waits while the client reads slowly.
        limits: times and sizes.
        supported_languages: of the session's domain.
        phrases: words that are likely in an answer.
        line: to the client; None: one connection is all there is.
        elapsed_s: how long the session lasted with another instance.
    """

    def __init__(
        self,
        info: model.SessionInfo,
        *,
        policy: Policy,
        record: CallRecord,
        emit: Emit,
        limits: Limits,
        supported_languages: tuple[str, ...],
        phrases: Phrases,
        line: Line | None,
        elapsed_s: float,
    ) -> None:
        self.info = info
        self.left = False
        """Whether the session was left to whoever takes it over."""
        self.understander: Understander
        self.intake: AudioIntake | None = None
        self.kept: Kept | None = None
        self.floor: Floor | None = None
        self._policy = policy
        self._record = record
        self._emit = emit
        self._limits = limits
        self._supported = supported_languages
        self._phrases = phrases
        self._line = line
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(_INBOX)
        self._loop = asyncio.get_running_loop()
        self.timers = Timers(elapsed_s)
        self.timers.set("session", self._loop.time() + limits.session_s - elapsed_s)
        self._context = model.CallerContext()

    async def tell(self, event: Event) -> None:
        """Put something into the inbox; waits while it is full."""
        await self._inbox.put(event)

    def call_info(self) -> CallInfo:
        """Return what the policy may know of the call."""
        return call_info(self.info, self._context)

    async def converse(self, floor: Floor, taken: Snapshot | None) -> None:
        """Greet the caller, or go on where another instance stood, until the conversation is over."""
        if taken is None:
            state, reply = self._policy.start(self.call_info())
            await floor.answers.say(reply, state)
        else:
            await floor.restore(taken)
        while floor.over is None:
            if self.kept is not None:
                self.kept.look(floor)
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
        moments = [moment for moment in (self.timers.next(), floor.agent.due()) if moment is not None]
        try:
            async with asyncio.timeout_at(min(moments, default=None)):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _on_time(self, floor: Floor) -> None:
        due = floor.agent.due()
        if floor.over is None and due is not None and self._loop.time() >= due:
            await floor.on_played()
        while floor.over is None and (name := self.timers.take_due()) is not None:
            await _TIMERS[name](self, floor)

    async def _on_session_limit(self, floor: Floor) -> None:
        floor.end("session_too_long", session_too_long(self._limits.session_s))

    async def _on_leave(self, floor: Floor) -> None:
        # A client that is away comes back elsewhere, or nobody ends the call but its lease (`adapters/recovery.py`).
        self.left = floor.agent.away and self.kept is not None
        floor.end("", going_away())

    async def _on_silence(self, floor: Floor) -> None:
        await floor.on_silence(nothing_heard(self._limits.silence_s))

    async def expect(self, expectation: Expectation) -> None:
        """Let the neighbours read the answer in the light of the question."""
        await self.understander.expect(expectation, self.info.language)
        if self.intake is not None and self.floor is not None:
            words = self._phrases.likely(self.info.domain, self.info.language, expectation)
            longest = self.floor.answers.taking.longest_pause or 0.0
            await self.intake.recognition.configure(self.info.language, words, longest)

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
        if self.intake is not None and item.on_hold is not None:
            self.intake.on_hold = item.on_hold
        if item.on_hold is not None or item.muted is not None:
            await floor.set_quiet(quiet=bool(item.on_hold or item.muted), on_hold=item.on_hold)

    async def _change_language(self, floor: Floor, language: str) -> None:
        primary = language.partition("-")[0].lower()
        if primary not in {tag.partition("-")[0].lower() for tag in self._supported}:
            await self._emit(model.Refused(unsupported_language(language, self._supported)))
            return
        before, self.info = self.info, replace(self.info, language=language)
        try:
            await self.expect(floor.answers.expectation)
        except MeshError as error:
            if error.reason != ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE:
                raise
            self.info = before  # the recogniser does not know it: the call goes on as it was
            await self.expect(floor.answers.expectation)
            await self._emit(model.Refused(error))
            return
        await floor.agent.speaker.set_language(language)

    async def _on_end_of_audio(self, floor: Floor, _: model.EndOfAudio) -> None:
        if self.intake is not None:
            await self.intake.finish()
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
            self.timers.clear("away")
            await floor.on_played()
        else:
            metrics.AWAY.inc()
            _log.info("session.away", session_id=self.info.session_id, resume_s=self._limits.resume_s)
            self.timers.set("away", self._loop.time() + self._limits.resume_s)
        floor.wait_for_caller()

    async def _on_away_for_good(self, floor: Floor) -> None:
        floor.end("", connection_dropped())

    async def _on_superseded(self, floor: Floor, _: model.Superseded) -> None:
        floor.end("", connection_dropped())

    async def _on_draining(self, _: Floor, __: model.Draining) -> None:
        self.timers.set("leave", self._loop.time() + _DRAIN_SHARE * self._limits.drain_s)
        await self._emit(model.GoingAway(_DRAIN_SHARE * self._limits.drain_s))


_HANDLERS: dict[type, Callable[[Actor, Floor, Any], Awaitable[None]]] = {
    model.CallerText: lambda _, floor, item: floor.on_text(item.text),
    model.CallerKeys: lambda _, floor, item: floor.on_keys(item.keys),
    model.SpeechActivity: lambda _, floor, item: floor.on_activity(item),
    model.Heard: lambda _, floor, item: floor.on_heard(item),
    model.RecognitionEnded: lambda _, floor, __: floor.on_input_over(),
    Preparation: lambda _, floor, item: floor.answers.on_prepared(item),
    model.AgentSpoke: Actor._on_spoke,  # noqa: SLF001 - the actor's own table
    model.Playback: Actor._on_playback,  # noqa: SLF001
    model.SessionUpdate: Actor._on_update,  # noqa: SLF001
    model.EndOfAudio: Actor._on_end_of_audio,  # noqa: SLF001
    model.EndSession: Actor._on_end,  # noqa: SLF001
    model.ClientGone: Actor._on_gone,  # noqa: SLF001
    model.Superseded: Actor._on_superseded,  # noqa: SLF001
    model.LineChanged: Actor._on_line_changed,  # noqa: SLF001
    model.CallerContext: Actor._on_context,  # noqa: SLF001
    model.ConsentWithdrawn: Actor._on_withdrawn,  # noqa: SLF001
    model.Draining: Actor._on_draining,  # noqa: SLF001
}

_TIMERS: dict[str, Callable[[Actor, Floor], Awaitable[None]]] = {
    "session": Actor._on_session_limit,  # noqa: SLF001
    "leave": Actor._on_leave,  # noqa: SLF001
    "away": Actor._on_away_for_good,  # noqa: SLF001
    "silence": Actor._on_silence,  # noqa: SLF001
    "barge_in": lambda _, floor: floor.on_barge_in(),
    "doubt": lambda _, floor: floor.on_doubt(),
    "filler": lambda _, floor: floor.answers.on_filler(),
    "settle": lambda _, floor: floor.answers.settle(),
    "keys": lambda _, floor: floor.on_keys_over(),
}
