"""What a session needs of the world: one small Protocol for each neighbour, so that each can be swapped or faked."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.dialogue.model import (
    AudioFormat,
    CallerContext,
    ConsentDecision,
    ConsentWithdrawn,
    Ended,
    Expectation,
    Heard,
    RecognitionEnded,
    SessionInfo,
    SpeechActivity,
    Understanding,
    Word,
)
from services.dialogue.policy import Outcome, State
from services.dialogue.tape import Tape


class Recognition(Protocol):
    """One session's stream to the recogniser."""

    async def send(self, data: bytes) -> None:
        """Give it audio, whole samples in the session's input format."""

    async def finish(self) -> None:
        """Say that no more audio comes; what is pending is still answered."""

    async def configure(self, language: str, phrases: Sequence[str], longest_pause: float) -> None:
        """From now on recognise this language, with these words likely; no utterance has a longer pause."""

    async def finalize(self, pause: float, silence: float) -> None:
        """End the utterance once the pause that began at `pause` has lasted `silence`, unless speech goes on."""

    def events(self) -> AsyncIterator[SpeechActivity | Heard | RecognitionEnded]:
        """Yield what is heard; the last is RecognitionEnded."""


class Understander(Protocol):
    """One session's stream to the NLU service."""

    async def understand(self, turn_id: str, heard: Heard) -> Understanding:
        """Return what a turn means, read in the light of the last expectation."""

    async def expect(self, expectation: Expectation, language: str) -> None:
        """Say what the conversation waits for from now on."""


class SpeechPiece(Protocol):
    """A stretch of synthesised speech; seconds count from the beginning of the turn."""

    @property
    def data(self) -> bytes:
        """Samples in the session's output format."""

    @property
    def offset(self) -> float:
        """Where it begins."""

    @property
    def words(self) -> tuple[Word, ...]:
        """Words that begin in it."""


class Voice(Protocol):
    """One session's stream to the TTS service."""

    def speak(self, utterance_id: str, sentences: Sequence[str]) -> AsyncGenerator[SpeechPiece, None]:
        """Yield speech as it is made; closing the iterator cancels the rest. Several may be made at once."""

    async def set_language(self, language: str) -> None:
        """Speak another language from the next turn on."""


class CrmLink(Protocol):
    """One session's stream to the CRM gateway. Nothing here ever fails or delays the call."""

    async def learned(self, turn_id: str, understanding: Understanding, place_s: float) -> None:
        """Tell what was learned of the caller, and where on the audio clock; dropped when the gateway is slow."""

    async def contexts(self, tell: Callable[[CallerContext], Awaitable[None]]) -> None:
        """Pass on what the records say of the caller, at once and whenever it changes, until cancelled."""


class ConsentLink(Protocol):
    """One session's stream to the consent service."""

    async def decide(self) -> ConsentDecision:
        """Return the decision; no answer in time is a no."""

    async def withdrawals(self, tell: Callable[[ConsentWithdrawn], Awaitable[None]]) -> None:
        """Pass on that the yes became a no, until cancelled."""


class Neighbours(Protocol):
    """Opens a session's streams; each is closed when its context is left."""

    def recognition(self, info: SessionInfo) -> AbstractAsyncContextManager[Recognition]:
        """Open the stream to the recogniser."""

    def understander(self, info: SessionInfo) -> AbstractAsyncContextManager[Understander]:
        """Open the stream to the NLU service."""

    def voice(self, info: SessionInfo) -> AbstractAsyncContextManager[Voice]:
        """Open the stream to the TTS service."""

    def crm(self, info: SessionInfo) -> AbstractAsyncContextManager[CrmLink]:
        """Open the stream to the CRM gateway."""

    def consent(self, info: SessionInfo) -> AbstractAsyncContextManager[ConsentLink]:
        """Open the stream to the consent service."""


class CallRecord(Protocol):
    """Where one call's history and events go; every method returns before anything is written to disk."""

    async def started(self, at: datetime) -> None:
        """The call began."""

    def identified(self, contact_id: str, name: str) -> None:
        """The records know the caller: what follows is theirs."""

    def tape(self, form: AudioFormat, begin: float) -> Tape | None:
        """Return what the caller's audio goes on, from this place on; None: it is not kept."""

    async def turn(self, turn_id: str, heard: Heard, understanding: Understanding) -> None:
        """A caller's turn is over; its meaning is empty where it was not answered."""

    async def took_effect(self, turn_id: str, outcomes: Sequence[Outcome], state: State) -> None:
        """Enough of an agent's turn was heard: its outcomes take effect."""

    async def spoke(self, turn_id: str, text: str, state: State) -> None:
        """An agent's turn is over: the words that the caller has heard, and all that is known."""

    async def written(self) -> None:
        """Return once all that was put here is on disk."""

    async def ended(self, end: Ended, state: State | None, sentiment: float | None) -> Ended:
        """The call is over: waits until its one outcome is on disk, and returns it with all its facts."""


class SupersededError(Exception):
    """Another instance has the session."""


class SnapshotsAwayError(Exception):
    """The store of snapshots does not answer."""


class StoredSnapshot(Protocol):
    """A snapshot's document and its revision."""

    @property
    def document(self) -> bytes:
        """What was written."""

    @property
    def revision(self) -> int:
        """Only who knows the last one may write the next."""


class SnapshotStore(Protocol):
    """Where sessions' snapshots are kept for other instances."""

    async def save(self, session_id: str, document: bytes, revision: int | None) -> int:
        """Write the next document, return its revision; SupersededError, SnapshotsAwayError."""

    async def load(self, session_id: str) -> StoredSnapshot | None:
        """Return the document; None when there is none; SnapshotsAwayError."""

    async def forget(self, session_id: str, revision: int) -> None:
        """Delete the document if it is still this revision; SupersededError, SnapshotsAwayError."""
