"""The caller's side: utterances become turns. A turn cut in two by a pause becomes one again."""

from dataclasses import dataclass, replace

from services.dialogue.model import Heard, Understanding
from services.dialogue.turns.trace import TurnTrace


@dataclass(frozen=True)
class CallerTurn:
    """What the caller said, to be answered."""

    turn_id: str
    heard: Heard
    """All of it; of a turn in several parts, joined."""
    trace: TurnTrace
    understanding: Understanding | None = None
    """Given where the turn needs no reading: telephone keys."""
    spoken: bool = True
    """Whether words that follow at once may belong to it; what was typed is whole."""


def joined(first: Heard | None, second: Heard) -> Heard:
    """Return two stretches of one turn as one: no sentence ended between them."""
    if first is None:
        return second
    text = f"{first.text.rstrip(' .,')} {second.text.lstrip()}".strip() if second.text.strip() else first.text
    known = [value for value in (first.confidence, second.confidence) if value is not None]
    return replace(
        second,
        text=text,
        words=first.words + second.words,
        start=first.start,
        end=max(first.end, second.end),
        confidence=min(known) if known else None,
        compute_time=first.compute_time + second.compute_time,
    )


DETECTION_S = 0.064
"""Speech that the recogniser hears before it tells of it (`services/asr/segmenter.py`)."""


class Hearing:
    """Numbers the caller's turns and holds the one that is open."""

    def __init__(self, turns: int = 0) -> None:
        self.turns = turns
        """How many turns of the caller there were."""
        self._named = turns
        self.speaking = False
        """Whether the caller speaks, as far as the voice tells."""
        self.onset: float | None = None
        """Where the caller's speech began, on the audio clock; None while the caller is silent."""
        self.pause: float | None = None
        """Where the pause began that is being judged, on the audio clock."""
        self._open = ""
        self._before: Heard | None = None
        self._since = 0.0

    @property
    def continued(self) -> bool:
        """Whether the open turn has an earlier part."""
        return self._before is not None

    def restore(self, turns: int) -> None:
        """Go on counting where another process stood."""
        self.turns = self._named = turns

    def voice_begins(self, at: float, now: float, *, anew: bool) -> None:
        """The caller speaks, since `at` on the audio clock; `anew`: it is no pause that is over."""
        self.speaking, self.pause = True, None
        if anew:
            self.onset, self._since = at, now - DETECTION_S

    def voice_stops(self, pause: float | None) -> None:
        """The caller is silent; `pause` is where the pause began that is to be judged."""
        self.speaking, self.pause = False, pause

    def spoken_for(self, now: float) -> float | None:
        """Return how long the caller has been speaking; None while silent."""
        return now - self._since if self.speaking else None

    def open_turn(self) -> str:
        """Return the id of the turn that is being spoken, begun now if there was none."""
        if not self._open:
            self._open = self._name()
        return self._open

    def _name(self) -> str:
        self._named += 1
        return f"c{self._named}"

    def so_far(self, heard: Heard) -> Heard:
        """Return the open turn's words, with those of an earlier part before them."""
        return joined(self._before, heard)

    def close(self, heard: Heard, trace: TurnTrace) -> CallerTurn:
        """The open turn is over."""
        turn = CallerTurn(self.open_turn(), self.so_far(heard), trace)
        self._open, self._before = "", None
        self.turns += 1
        return turn

    def message(self, heard: Heard, trace: TurnTrace, meaning: Understanding | None) -> CallerTurn:
        """Something was typed: a turn of its own, whatever is being spoken."""
        self.turns += 1
        return CallerTurn(self._name(), heard, trace, meaning, spoken=False)

    def reopen(self, turn: CallerTurn) -> None:
        """The turn was not over: what comes next belongs to it."""
        self._open, self._before = turn.turn_id, turn.heard
        self.turns -= 1

    def forget(self) -> None:
        """What was being said was nothing."""
        if self._before is None:
            self._open = ""
