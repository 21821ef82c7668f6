"""One turn of the agent: what of it was made, played and heard."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.dialogue import model
from services.dialogue.policy import Reply, State
from services.dialogue.turns.trace import TurnTrace

_ACKNOWLEDGEMENT_GRACE_S = 20.0
"""A client that promised to acknowledge playback and does not is believed to have played so long after the end: longer
than it takes to notice that it vanished (keepalive, `mesh/server.py`), for what nobody heard has no consequences."""
_NEARLY_S = 0.02
"""Acknowledgements are rounded to pieces of audio."""


@dataclass
class AgentTurn:
    """One turn of the agent, from its first word to its delivery. Moments are on the loop's clock."""

    turn_id: str
    in_reply_to: str
    reply: Reply
    state: State
    """The conversation's state once this turn is delivered."""
    trace: TurnTrace | None = None
    filler: bool = False
    """Whether it only fills the time until the answer."""
    acknowledged: bool = False
    """Whether the client says what it has played."""
    duration: float | None = None
    """Seconds of audio; None until all of it is made."""
    made: float = 0.0
    """Seconds of audio that were made so far."""
    first_audio_at: float | None = None
    finished: bool = False
    """Whether the client says that nothing is left to play."""
    effective: bool = False
    """Whether its outcomes have taken effect."""
    row: int = 0
    """How many actions in a row were done before it, since the caller's turn."""
    not_before: float = 0.0
    """An action behind it waits until then: so long the caller may take back what it answers."""
    on_close: Callable[[], None] | None = None
    """Stops what its later sentences come from."""
    words: list[model.Word] = field(default_factory=list)
    sentence_ends: list[float] = field(default_factory=list)
    sentence_starts: list[float] = field(default_factory=list)
    _played: float = 0.0
    _paused_at: float | None = None
    _paused: float = 0.0

    @property
    def interruptible(self) -> bool:
        """Whether the caller may talk over it: not before what has consequences was heard."""
        waits = bool(self.reply.outcomes) and not self.effective
        return not (self.reply.uninterruptible or self.reply.end or waits)

    @property
    def repairable(self) -> bool:
        """Whether it may be taken back because the caller had not finished."""
        return not self.reply.uninterruptible and not (self.effective and self.reply.outcomes)

    @property
    def paused(self) -> bool:
        """Whether the client was told to stop, perhaps for a moment only."""
        return self._paused_at is not None

    def pause(self, now: float) -> None:
        """The client stops playing."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        """The client goes on playing."""
        if self._paused_at is not None:
            self._paused += now - self._paused_at
            self._paused_at = None

    def play(self, played: float, *, finished: bool) -> None:
        """Take note of what the client says it has played, in seconds."""
        self._played = max(self._played, played)
        self.finished = self.finished or finished

    def played(self, now: float) -> float:
        """Return how many seconds the caller has heard: as acknowledged, else by the time that has passed."""
        if self.acknowledged or self.first_audio_at is None:
            return self._played
        until = now if self._paused_at is None else self._paused_at
        return max(0.0, min(self.made, until - self.first_audio_at - self._paused))

    def heard_text(self, now: float) -> str:
        """Return exactly the words that the caller has heard: those whose middle was played.

        A turn without audio is read at once; a voice that gives no word times counts by whole sentences.
        """
        if self.first_audio_at is None:
            return ""
        if self.finished or (self.duration is not None and self.duration == 0.0):
            return self.reply.text
        place = self.played(now)
        if self.words:
            return " ".join(word.text for word in self.words if (word.start + word.end) / 2 <= place)
        done = sum(end <= place + _NEARLY_S for end in self.sentence_ends)
        return " ".join(self.reply.sentences[:done])

    def question_heard(self, now: float) -> bool:
        """Whether the last sentence has begun to be played: where the agent asks, it asks at the end."""
        starts = self.sentence_starts
        return len(starts) == len(self.reply.sentences) and bool(starts) and self.played(now) >= starts[-1]

    @property
    def delivered(self) -> bool:
        """Whether all of it was sent and played."""
        return self.duration is not None and (self.finished or self.duration == 0.0)

    def is_delivered(self, now: float) -> bool:
        """Whether all of it was heard, as far as that can be known."""
        if self.reply.action is not None and (self.paused or now < self.not_before):
            return False
        due = self.delivery_due
        return self.delivered or (due is not None and now >= due)

    @property
    def delivery_due(self) -> float | None:
        """When it counts as heard unless the client says so earlier; None while that is open."""
        if self.duration is None or self._paused_at is not None:
            return None
        not_before = self.not_before if self.reply.action is not None else 0.0
        if self.delivered:
            return not_before
        grace = _ACKNOWLEDGEMENT_GRACE_S if self.acknowledged else 0.0
        return max(not_before, (self.first_audio_at or 0.0) + self._paused + self.duration + grace)

    def takes_effect(self, now: float) -> bool:
        """Whether enough of it was heard for its outcomes to take effect."""
        if self.is_delivered(now):
            return True
        place = self._effect_place()
        return place is not None and self.played(now) + _NEARLY_S >= place

    def effect_due(self, now: float) -> float | None:
        """When its outcomes take effect if nothing happens; None while that is open, or done."""
        place = self._effect_place()
        if self.effective or self.acknowledged or place is None or self._paused_at is not None:
            return None
        return max(now, (self.first_audio_at or 0.0) + self._paused + place)

    def _effect_place(self) -> float | None:
        needed = self.reply.effective_after
        if needed is None or not 0 < needed <= len(self.sentence_ends):
            return None
        return self.sentence_ends[needed - 1]

    def latency(self) -> model.Latency | None:
        """How long the answer took; None where it answers nothing."""
        return self.trace.latency() if self.trace is not None else None

    def close(self) -> None:
        """The turn is over before its end."""
        if self.on_close is not None:
            self.on_close()
        if self.trace is not None:
            self.trace.close()
