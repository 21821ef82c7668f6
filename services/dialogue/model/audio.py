"""Audio of a conversation: its form on a stream, and the clock it makes."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Encoding = Literal["pcm16", "mulaw", "alaw"]
_BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "mulaw": 1, "alaw": 1}
_SILENCE: dict[Encoding, bytes] = {"pcm16": b"\0", "mulaw": b"\xff", "alaw": b"\xd5"}
"""The smallest amplitude of each, ITU-T G.711."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The form of audio on a stream."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel: the smallest whole piece."""
        return _BYTES_PER_SAMPLE[self.encoding] * self.channels

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second."""
        return self.frame_bytes * self.sample_rate_hz

    def silence(self, size: int) -> bytes:
        """Return so many bytes of silence."""
        return _SILENCE[self.encoding] * size


@dataclass(slots=True)
class AudioClock:
    """Where the caller's audio stands, and when each part of it arrived.

    Keeps the arrival of the last `_KEEP` pieces; an older place gives the oldest arrival known.
    """

    bytes_per_second: int
    position: float = 0.0
    _arrivals: list[tuple[float, float]] = field(default_factory=list)

    _KEEP: ClassVar[int] = 3000

    def advance(self, size: int, now: float) -> None:
        """Count `size` bytes that arrived at `now`."""
        self.position += size / self.bytes_per_second
        self._arrivals.append((self.position, now))
        if len(self._arrivals) > 2 * self._KEEP:
            del self._arrivals[: self._KEEP]

    def arrival_of(self, place: float, default: float) -> float:
        """Return when the audio up to `place` had arrived; `default` when it has not."""
        index = bisect_left(self._arrivals, place - 1e-6, key=lambda pair: pair[0])
        return self._arrivals[index][1] if index < len(self._arrivals) else default
