"""What the mesh says, each thing once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicemesh_client.events import AgentAudio, AgentTurn, AgentTurnEnded

if TYPE_CHECKING:
    from voicemesh_client.audio import AudioFormat
    from voicemesh_client.events import SessionEvent

# How many of the agent's turns are remembered.
_REMEMBERED_TURNS = 64


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of the mesh that never came: from `first` to `last`, both of them."""

    first: int
    last: int


class Sequence:
    """Checks the numbers of the mesh's messages over all connections of a session."""

    def __init__(self) -> None:
        self._next = 0
        self._ahead: set[int] = set()
        self._excused = 0

    @property
    def last(self) -> int | None:
        """The last number up to which everything has come; None when nothing has."""
        return self._next - 1 if self._next else None

    def begin(self, number: int) -> None:
        """Takes note of a connection's first message, which may run ahead of those that are sent again."""
        if number >= self._next:
            self._ahead.add(number)
            self._pass_known()

    def excuse(self) -> None:
        """A connection failed before its first message came: that may have had a number, and never comes."""
        self._excused += 1

    def accept(self, number: int) -> tuple[bool, Gap | None]:
        """Whether a message is new, and what is missing before it."""
        if number < self._next or number in self._ahead:
            return False, None
        last = number - 1
        while last in self._ahead:
            last -= 1
        missing = last - self._next + 1
        excused = min(missing, self._excused)
        self._excused -= excused
        gap = Gap(self._next, last) if missing > excused else None
        self._next = number + 1
        self._ahead = {ahead for ahead in self._ahead if ahead >= self._next}
        self._pass_known()
        return True, gap

    def _pass_known(self) -> None:
        while self._next in self._ahead:
            self._ahead.remove(self._next)
            self._next += 1


@dataclass(slots=True)
class _Known:
    """What has come of a turn of the agent: its text, audio up to a sample, its end."""

    text: str | None = None
    until: int = 0
    ended: bool = False


class AgentTurns:
    """Lets no stretch of an agent's turn through twice.

    An instance that takes a session over may say a turn again from its beginning. Audio is known by its turn and
    its place in it; a piece that overlaps with what has come is cut to the sample. The last 64 turns are
    remembered.
    """

    def __init__(self, form: AudioFormat | None) -> None:
        self._form = form
        self._turns: dict[str, _Known] = {}

    def fresh(self, event: SessionEvent) -> SessionEvent | None:
        """What of the event has not come before; None when all of it has."""
        match event:
            case AgentTurn():
                known = self._turn(event.turn_id)
                again, known.text = known.text == event.text, event.text
                return None if again else event
            case AgentAudio():
                return self._fresh_audio(event)
            case AgentTurnEnded():
                known = self._turn(event.turn_id)
                again, known.ended = known.ended, True
                return None if again else event
            case _:
                return event

    def _fresh_audio(self, event: AgentAudio) -> AgentAudio | None:
        if self._form is None:
            return event
        known = self._turn(event.turn_id)
        rate, width = self._form.sample_rate_hz, self._form.frame_bytes
        start = round(event.offset * rate)
        end = start + len(event.data) // width
        until, known.until = known.until, max(known.until, end)
        if start >= until:
            return event
        if end <= until:
            return None
        # Half a sample of tolerance: a word's time was rounded on its way.
        words = tuple(word for word in event.words if word.start * rate >= until - 0.5)
        return replace(event, data=event.data[(until - start) * width :], offset=until / rate, words=words)

    def _turn(self, turn_id: str) -> _Known:
        if turn_id not in self._turns:
            if len(self._turns) >= _REMEMBERED_TURNS:
                del self._turns[next(iter(self._turns))]
            self._turns[turn_id] = _Known()
        return self._turns[turn_id]
