"""Takes notes of a call while it runs, and sorts them into turns when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicemesh_cli.caller.report import AgentReport, CallerBegan, CallerEnded, Moment, TurnReport

if TYPE_CHECKING:
    import voicemesh_client as sdk
    from voicemesh_cli.caller.recording import SpokenTurn
    from voicemesh_cli.caller.report import Observer
    from voicemesh_cli.caller.tape import Tape

# How much earlier than the caller's own beginning of a turn a recogniser may place it.
_EARLY_S = 0.5


class Notes:
    """The handlers of a call's session: every event is passed to the observer and kept in its place."""

    def __init__(self, tape: Tape, observer: Observer | None) -> None:
        self._tape = tape
        self._observer = observer
        self._heard: dict[str, sdk.Transcript] = {}
        self._understood: list[sdk.Understanding] = []
        self._agent: dict[str, AgentReport] = {}
        self._began: dict[str, float] = {}
        self._delays: list[float] = []
        self.turns: list[TurnReport] = []
        self.errors: list[sdk.ErrorNotice] = []

    @property
    def agent_turns(self) -> int:
        """How many turns the agent has begun."""
        return len(self._agent)

    def caller_began(self, turn: SpokenTurn, start_s: float, delay_s: float) -> None:
        """The caller begins a turn, so many seconds of audio and of delay after the first sample."""
        self._delays.append(delay_s)
        end_s = start_s + turn.end_s - turn.start_s
        self.turns.append(TurnReport(len(self.turns), turn.text, start_s + delay_s, end_s + delay_s))
        self._tell(start_s + delay_s, CallerBegan(len(self.turns) - 1, turn.text))

    def caller_ended(self, end_s: float, delay_s: float) -> None:
        """The caller's last voiced sample is spoken."""
        turn = self.turns[-1]
        turn.end_s = end_s + delay_s
        self._tell(turn.end_s, CallerEnded(turn.index, turn.spoken))

    # The handlers, called by the session.

    def on_started(self, event: sdk.SessionStarted) -> None:
        """The session lives."""
        self._pass_on(event)

    def on_transcript(self, event: sdk.Transcript) -> None:
        """Words of the caller; the last final ones of a turn are kept: one that went on holds its beginning."""
        if event.is_final:
            self._heard[event.turn_id] = event
        self._pass_on(event)

    def on_understanding(self, event: sdk.Understanding) -> None:
        """Their meaning."""
        self._understood.append(event)
        self._pass_on(event)

    def on_agent_turn(self, event: sdk.AgentTurn) -> None:
        """The agent begins to speak."""
        turn = self._agent.setdefault(event.turn_id, AgentReport(event.turn_id, ""))
        turn.text, turn.in_reply_to = event.text, event.in_reply_to
        self._began.setdefault(event.turn_id, self._since(event))
        self._pass_on(event)

    def on_agent_audio(self, event: sdk.AgentAudio) -> None:
        """The agent's audio; when its first piece came is kept."""
        turn = self._agent.setdefault(event.turn_id, AgentReport(event.turn_id, ""))
        if turn.first_audio_s is None:
            turn.first_audio_s = self._since(event)
        turn.words += event.words
        self._pass_on(event)

    def on_agent_turn_ended(self, event: sdk.AgentTurnEnded) -> None:
        """The agent's turn is sent or broken off."""
        turn = self._agent.setdefault(event.turn_id, AgentReport(event.turn_id, ""))
        turn.duration_s, turn.interrupted, turn.latency = event.duration, event.interrupted, event.latency
        self._pass_on(event)

    def on_stop_playback(self, event: sdk.StopPlayback) -> None:
        """The agent falls silent."""
        self._pass_on(event)

    def on_resume_playback(self, event: sdk.ResumePlayback) -> None:
        """The agent goes on."""
        self._pass_on(event)

    def on_error(self, event: sdk.ErrorNotice) -> None:
        """Something went wrong that the call survived."""
        self.errors.append(event)
        self._pass_on(event)

    def on_reconnecting(self, event: sdk.Reconnecting) -> None:
        """The connection dropped; another one is opened."""
        self._pass_on(event)

    def on_resumed(self, event: sdk.Resumed) -> None:
        """The call goes on over another connection."""
        self._pass_on(event)

    def on_go_away(self, event: sdk.GoAway) -> None:
        """The instance is going away."""
        self._pass_on(event)

    def on_ended(self, event: sdk.SessionEnded) -> None:
        """The session is over."""
        self._pass_on(event)

    def sort(self) -> list[AgentReport]:
        """Puts what was noted into the caller's turns; returns what the agent said before the first of them.

        Words belong to the turn in which they lie on the audio clock, meanings to the words of the same turn
        of the session. An agent's turn belongs to the one it says it answers, else to the last one begun.
        """
        owner: dict[str, TurnReport] = {}
        for transcript in self._heard.values():
            turn = self._turn_of_audio(transcript.start + _EARLY_S)
            if turn is not None:
                turn.heard.append(transcript)
                owner[transcript.turn_id] = turn
        for meaning in self._understood:
            if meaning.turn_id in owner:
                owner[meaning.turn_id].understood.append(meaning)
        greeting = []
        for agent in self._agent.values():
            turn = owner.get(agent.in_reply_to) or self._turn_at(self._began.get(agent.turn_id, 0.0))
            if turn is None:
                greeting.append(agent)
            else:
                turn.replies.append(agent)
        return greeting

    def _turn_at(self, moment_s: float) -> TurnReport | None:
        """The last of the caller's turns that had begun at that moment."""
        return next((turn for turn in reversed(self.turns) if turn.start_s <= moment_s), None)

    def _turn_of_audio(self, place_s: float) -> TurnReport | None:
        """The last of the caller's turns that had begun at that place on the audio clock."""
        turns = zip(reversed(self.turns), reversed(self._delays), strict=True)
        return next((turn for turn, delay_s in turns if turn.start_s - delay_s <= place_s), None)

    def _since(self, event: sdk.SessionEvent) -> float:
        """When an event came, in seconds after the caller's first sample; 0 before it."""
        return 0.0 if self._tape.began is None else event.received_at - self._tape.began

    def _pass_on(self, event: sdk.SessionEvent) -> None:
        self._tell(self._since(event), event)

    def _tell(self, at_s: float, what: sdk.SessionEvent | CallerBegan | CallerEnded) -> None:
        if self._observer is not None:
            self._observer(Moment(at_s, what))
