"""From voice probabilities to utterances: pure, fed a probability and a level a chunk, on a clock of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from services.asr.model import SAMPLE_RATE_HZ, ActivityKind, Endpointing

CHUNK = 512
"""Samples a probability stands for."""
PRE_ROLL = SAMPLE_RATE_HZ // 4
"""Samples before the detected onset that belong to an utterance's audio, so that soft onsets are not cut."""
POST_ROLL = SAMPLE_RATE_HZ * 15 // 100
"""Samples after the last voiced one that belong to an utterance's audio."""

# Silero's own operating point: voice begins at 0.5 and holds down to 0.35.
_ONSET = 0.5
_OFFSET = 0.35
# A click is shorter than this.
_MIN_SPEECH = 2 * CHUNK
# The detector's answer lags some 100 ms behind the voice's end. A chunk this far under the utterance's loudest is
# silence whatever it says; on a noisy line none is, and the detector alone decides.
_FADED_DB = 35.0


@dataclass(frozen=True, slots=True)
class SpeechEvent:
    """Something that happened to utterance ``utterance``; ``at`` is a sample.

    STARTED: the onset. PAUSED and ENDED: the end of the last voiced chunk. RESUMED: the new onset.
    """

    kind: ActivityKind
    at: int
    utterance: int


class _State(Enum):
    IDLE = "idle"
    SPEAKING = "speaking"
    PAUSED = "paused"


class Segmenter:
    """Finds where utterances start, pause, resume and end.

    Every utterance gives STARTED, then PAUSED and RESUMED in turn, then ENDED. PAUSED comes once
    ``speculate_after_s`` of silence has passed, ENDED after ``silence_s`` or at ``max_utterance_s``.
    """

    def __init__(self, policy: Endpointing) -> None:
        self._policy = policy
        self._state = _State.IDLE
        self._now = 0
        self._utterance = 0
        # Where the run of voiced chunks began that may become an utterance.
        self._onset: int | None = None
        self._start = 0
        self._last_voiced = 0
        self._loudest_db = -math.inf
        self._previous_end = 0
        self._quiet_since = 0
        # Silence that ends the pause in progress, where it was judged.
        self._judged: int | None = None

    @property
    def now(self) -> int:
        """Samples taken in."""
        return self._now

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance is in progress, speaking or paused."""
        return self._state is not _State.IDLE

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks at this moment."""
        return self._state is _State.SPEAKING

    @property
    def utterance(self) -> int:
        """Number of the utterance in progress, or of the next one."""
        return self._utterance

    @property
    def onset(self) -> int:
        """First voiced sample of the utterance in progress or of the last one."""
        return self._start

    @property
    def last_voiced(self) -> int:
        """End of the last voiced chunk of the utterance in progress or of the last one."""
        return self._last_voiced

    @property
    def audio_from(self) -> int:
        """First sample that the utterance in progress, or one that may begin now, needs."""
        first = self._start if self.in_utterance else (self._now if self._onset is None else self._onset)
        return max(first - PRE_ROLL, self._previous_end)

    @property
    def quiet(self) -> int:
        """Samples since the start or the last utterance; 0 within an utterance."""
        return 0 if self.in_utterance else self._now - self._quiet_since

    def configure(self, policy: Endpointing) -> None:
        """Use another policy from here on."""
        self._policy = policy

    def feed(self, probability: float, level_db: float) -> list[SpeechEvent]:
        """Take in the next chunk's voice probability and level (RMS in dB); return what it shows, in order."""
        chunk_start = self._now
        self._now += CHUNK
        if self._state is _State.IDLE:
            return self._listen(probability, level_db, chunk_start)
        events = self._follow(probability, level_db, chunk_start)
        if self.in_utterance and self._now - self._start >= _samples(self._policy.max_utterance_s):
            events.extend(self.finalize())
            # What comes next belongs to the next utterance, even in mid-word.
            self._previous_end = self._now
        return events

    def finalize(self) -> list[SpeechEvent]:
        """End the utterance in progress, if there is one."""
        if not self.in_utterance:
            return []
        self._state = _State.IDLE
        self._onset = None
        self._judged = None
        self._previous_end = self._last_voiced
        self._quiet_since = self._last_voiced
        ended = SpeechEvent(ActivityKind.ENDED, self._last_voiced, self._utterance)
        self._utterance += 1
        return [ended]

    def finalize_pause(self, pause: int, silence: int) -> list[SpeechEvent]:
        """End the utterance once the pause that began at sample ``pause`` has lasted ``silence`` samples.

        Nothing happens where that pause is over: the caller went on, or the utterance has ended. A later judgement
        of the same pause replaces an earlier one.
        """
        if self._state is not _State.PAUSED or abs(self._last_voiced - pause) >= CHUNK:
            return []
        self._judged = silence
        return self.finalize() if self._now - self._last_voiced >= silence else []

    def _listen(self, probability: float, level_db: float, chunk_start: int) -> list[SpeechEvent]:
        if probability < (_ONSET if self._onset is None else _OFFSET):
            self._onset = None
            return []
        if self._onset is None:
            self._onset = chunk_start
            self._loudest_db = -math.inf
        self._loudest_db = max(self._loudest_db, level_db)
        if self._now - self._onset < _MIN_SPEECH:
            return []
        self._state = _State.SPEAKING
        self._start = self._onset
        self._last_voiced = self._now
        return [SpeechEvent(ActivityKind.STARTED, self._start, self._utterance)]

    def _follow(self, probability: float, level_db: float, chunk_start: int) -> list[SpeechEvent]:
        # Going on after a pause takes as clear a voice as beginning does.
        sounds = probability >= (_ONSET if self._state is _State.PAUSED else _OFFSET)
        if sounds and level_db > self._loudest_db - _FADED_DB:
            self._loudest_db = max(self._loudest_db, level_db)
            self._last_voiced = self._now
            if self._state is _State.SPEAKING:
                return []
            self._state = _State.SPEAKING
            self._judged = None
            return [SpeechEvent(ActivityKind.RESUMED, chunk_start, self._utterance)]
        silence = self._now - self._last_voiced
        events: list[SpeechEvent] = []
        if self._state is _State.SPEAKING and silence >= _samples(self._policy.speculate_after_s):
            self._state = _State.PAUSED
            events.append(SpeechEvent(ActivityKind.PAUSED, self._last_voiced, self._utterance))
        if self._judged is not None:
            enough = silence >= self._judged
        else:
            enough = not self._policy.manual and silence >= _samples(self._policy.silence_s)
        if enough:
            events.extend(self.finalize())
        return events


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
