"""Where a session stands, as a document: enough for another process to go on with it."""

import hashlib
import hmac
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from services.dialogue.model import Heard, SessionInfo
from services.dialogue.policy import Action, Expectation, Reply, State, Understanding


class SnapshotError(ValueError):
    """A document is no snapshot that this version can read."""


@dataclass(frozen=True)
class TurnSnapshot:
    """A turn of the caller; `understanding` is set once it was answered."""

    turn_id: str
    heard: Heard
    understanding: Understanding | None = None
    meaning: Understanding | None = None
    """What it means, where it needs no reading."""
    spoken: bool = True


@dataclass(frozen=True)
class AgentSnapshot:
    """The turn that the agent was speaking."""

    turn_id: str
    in_reply_to: str
    reply: Reply
    state: State
    effective: bool
    filler: bool
    row: int = 0


@dataclass(frozen=True)
class Errand:
    """An action to be done, for the sentences before it were heard."""

    action: Action
    state: State
    """The conversation's state meanwhile."""
    in_reply_to: str
    """The caller's turn that it came of; empty: none."""
    row: int
    """How many actions in a row were done before it, since that turn."""
    key: str
    """The same whenever it is done again."""


@dataclass(frozen=True)
class AudioSnapshot:
    """How far the caller's audio has been heard: frame `sequence` begins at `place` seconds."""

    sequence: int = 0
    place: float = 0.0
    frame_s: float = 0.02


@dataclass(frozen=True)
class Snapshot:
    """A session. It holds what the caller told: whoever keeps it keeps it as long as the session lives, no longer."""

    info: SessionInfo
    token_sha256: str
    owner: str
    state: State
    committed: State | None
    expectation: Expectation
    caller_turns: int
    agent_turns: int
    elapsed_s: float
    next_sequence: int
    last_request: int
    silences: int = 0
    audio: AudioSnapshot = field(default_factory=AudioSnapshot)
    agent: AgentSnapshot | None = None
    errand: Errand | None = None
    """What is being done."""
    waiting: tuple[TurnSnapshot, ...] = ()
    """Turns that are over and not answered, the oldest first."""
    unsettled: TurnSnapshot | None = None
    """The turn that was answered last, if it may not be on record yet."""
    sentiments: tuple[float, ...] = ()

    def to_json(self) -> bytes:
        """The snapshot as a JSON document."""
        return _DOCUMENT.dump_json(self)

    @classmethod
    def from_json(cls, document: bytes) -> "Snapshot":
        """Read what `to_json` wrote.

        Raises:
            SnapshotError: it is none.
        """
        try:
            return _DOCUMENT.validate_json(document)
        except ValidationError as error:
            raise SnapshotError(f"{error.error_count()} values are wrong") from error

    def is_for(self, token: str) -> bool:
        """Return whether a resume token belongs to the session."""
        return hmac.compare_digest(self.token_sha256, digest(token))


_DOCUMENT = TypeAdapter(Snapshot)


def digest(token: str) -> str:
    """Return what is kept of a resume token."""
    return hashlib.sha256(token.encode()).hexdigest()
