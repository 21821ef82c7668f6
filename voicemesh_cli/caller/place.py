"""Places a call: plays a recording to the mesh as a caller would, turn by turn."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import voicemesh_client as sdk
from voicemesh_cli.caller.line import Line
from voicemesh_cli.caller.notes import Notes
from voicemesh_cli.caller.report import CallReport
from voicemesh_cli.caller.tape import Tape
from voicemesh_cli.failures import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import grpc

    from voicemesh_cli.caller.recording import Recording, SpokenTurn
    from voicemesh_cli.caller.report import Observer

# What is played of the recording around the voiced samples: breath before, the fading of the voice behind.
_BEFORE_S = 0.15
_BEHIND_S = 0.25


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """How a call is placed.

    `straight` streams the file as it is, without waiting for the agent. Otherwise each turn begins `gap_s`
    after the agent has finished speaking; when the agent says nothing for `patience_s` after the caller's
    turn, or at the beginning of the call, the caller goes on. After the last turn the mesh has `goodbye_s` to
    end the call when the agent has finished, then the caller hangs up.
    """

    domain: str = "clinic"
    language: str = "en-US"
    region: str = "local"
    tenant_id: str = "default"
    customer_id: str = ""
    phone: str | None = field(default=None, repr=False)
    device: str = "voicemesh call"
    time_zone: str = ""
    correlation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    straight: bool = False
    gap_s: float = 0.25
    patience_s: float = 8.0
    goodbye_s: float = 1.5
    end_limit_s: float = 10.0


async def place_call(
    recording: Recording,
    target: str,
    options: CallOptions | None = None,
    *,
    out: Path | None = None,
    observer: Observer | None = None,
    metadata: Sequence[tuple[str, str]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    clock: sdk.Clock | None = None,
) -> CallReport:
    """Plays a recording to the mesh at `target` ("host:port") and reports what came of it.

    Every moment of the call is told to `observer` as it happens. With `out`, the agent's audio on the call's
    timeline and the call in two channels (caller left, agent right) are written there as WAV, also when the
    call fails half-way. `metadata` and `interceptors` go to `voicemesh_client.connect`; `clock` is for tests.

    Raises voicemesh_client.VoicemeshError when the call fails, InputError when nobody speaks in the recording,
    OSError when the files can not be written.
    """
    options = options or CallOptions()
    if not recording.turns and not options.straight:
        raise InputError(f"nobody speaks in {recording.path}: use --straight to play it all the same.")
    form = sdk.AudioFormat.pcm16(recording.sample_rate_hz)
    tape = Tape(recording.sample_rate_hz)
    notes = Notes(tape, observer)
    files: dict[str, Path] = {}
    async with sdk.connect(target, metadata=metadata, interceptors=interceptors, clock=clock) as mesh:
        session = mesh.session(
            options.domain,
            language=options.language,
            region=options.region,
            tenant_id=options.tenant_id,
            customer_id=options.customer_id,
            phone=options.phone,
            device=options.device,
            time_zone=options.time_zone,
            correlation_id=options.correlation_id,
            input_audio=form,
            output_audio=form,
            handlers=notes,
            sink=tape.agent,
            close_timeout_s=options.end_limit_s,
        )
        try:
            async with session:
                await _Caller(session, recording, options, notes, Line(session, tape, form.sample_rate_hz)).call()
        finally:
            if out is not None and tape.began is not None:
                files = tape.write(out, recording.path.stem)
    ended = session.ended
    return CallReport(
        recording=recording.path,
        session_id=session.session_id,
        correlation_id=options.correlation_id,
        domain=options.domain,
        language=options.language,
        greeting=notes.sort(),
        turns=notes.turns,
        errors=notes.errors,
        disposition=None if ended is None else ended.disposition,
        duration_s=0.0 if ended is None else ended.duration,
        files=files,
    )


class _Caller:
    """Someone who lets the other one finish before speaking."""

    def __init__(
        self, session: sdk.Session, recording: Recording, options: CallOptions, notes: Notes, line: Line
    ) -> None:
        self._session = session
        self._recording = recording
        self._options = options
        self._notes = notes
        self._line = line

    async def call(self) -> None:
        """Speaks all turns, hears the agent out, and hangs up if the mesh does not."""
        try:
            if self._options.straight:
                await self._play_through()
            else:
                await self._converse()
            answered = self._notes.agent_turns if self._recording.turns else -1
            await self._line.wait(self._heard_out(answered, self._options.goodbye_s))
            await self._session.end("the recording is over")
        except sdk.SessionClosedError:
            # The mesh ended the call between two frames.
            await self._session.wait_ended()
        if self._session.ended is not None:
            await self._session.speaker.wait_idle()

    async def _converse(self) -> None:
        answered = 0
        for index in range(len(self._recording.turns)):
            await self._line.wait(self._heard_out(answered, self._options.gap_s))
            if self._session.ended is not None:
                return
            answered = await self._speak(index)

    async def _speak(self, index: int) -> int:
        """Speaks a turn; returns how many turns the agent had begun when its last voiced sample was spoken."""
        turns, turn = self._recording.turns, self._recording.turns[index]
        before = turns[index - 1].end_s if index else 0.0
        behind = turns[index + 1].start_s if index + 1 < len(turns) else self._recording.duration_s
        start_s = max(turn.start_s - _BEFORE_S, (before + turn.start_s) / 2)
        end_s = min(turn.end_s + _BEHIND_S, (turn.end_s + behind) / 2)
        shift = self._line.position_s - start_s
        self._notes.caller_began(turn, turn.start_s + shift, self._line.delay_s)
        mark = _EndMark(turn.end_s + shift, self._notes, self._line)
        await self._line.speak(self._recording.cut(start_s, end_s), mark.passed)
        return mark.agent_turns

    async def _play_through(self) -> None:
        marks = [self._straight_mark(turn) for turn in self._recording.turns]

        def passed(place_s: float) -> None:
            for mark in marks:
                mark(place_s)

        await self._line.speak(self._recording.samples, passed)

    def _straight_mark(self, turn: SpokenTurn) -> Callable[[float], None]:
        """Notes the beginning and the end of a turn when the playing passes them."""
        mark: _EndMark | None = None

        def passed(place_s: float) -> None:
            nonlocal mark
            if mark is None and place_s >= turn.start_s:
                self._notes.caller_began(turn, turn.start_s, self._line.delay_s)
                mark = _EndMark(turn.end_s, self._notes, self._line)
            if mark is not None:
                mark.passed(place_s)

        return passed

    def _heard_out(self, answered: int, quiet_s: float) -> Callable[[], bool]:
        """Whether the agent has begun a turn beyond the first `answered`, and been silent for `quiet_s` since.

        Also true when the call is over, and when the agent says nothing for longer than the caller's patience.
        """
        asked_at = self._line.position_s
        quiet_since = asked_at

        def heard_out() -> bool:
            nonlocal quiet_since
            if self._session.ended is not None:
                return True
            now = self._line.position_s
            if not self._session.speaker.idle:
                quiet_since = now
            if self._notes.agent_turns > answered:
                return now - quiet_since >= quiet_s
            return now - max(asked_at, quiet_since) >= self._options.patience_s

        return heard_out


class _EndMark:
    """The place of a turn's last voiced sample: notes when it is passed, and what the agent had said then."""

    def __init__(self, end_s: float, notes: Notes, line: Line) -> None:
        self._end_s = end_s
        self._notes = notes
        self._line = line
        self._is_passed = False
        self.agent_turns = notes.agent_turns

    def passed(self, place_s: float) -> None:
        """The line has sent everything up to a place, in seconds."""
        if not self._is_passed and place_s >= self._end_s:
            self._is_passed = True
            self.agent_turns = self._notes.agent_turns
            self._notes.caller_ended(self._end_s, self._line.delay_s)
