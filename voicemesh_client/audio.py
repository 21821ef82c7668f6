"""The forms of audio on a session: what is sent, what is heard, and ITU-T G.711 without further libraries."""

from __future__ import annotations

import enum
import functools
import sys
from array import array
from dataclasses import dataclass
from typing import Final, Self

from voicemesh.common.v1 import audio_pb2

MIN_SAMPLE_RATE_HZ: Final = 8_000
MAX_SAMPLE_RATE_HZ: Final = 48_000


class Encoding(enum.Enum):
    """How samples are written."""

    PCM16 = "pcm16"
    """Signed 16-bit integers, little-endian."""
    MULAW = "mulaw"
    """ITU-T G.711 mu-law, one byte a sample."""
    ALAW = "alaw"
    """ITU-T G.711 A-law, one byte a sample."""

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return 2 if self is Encoding.PCM16 else 1


_TO_PROTO: Final = {
    Encoding.PCM16: audio_pb2.AUDIO_ENCODING_PCM16,
    Encoding.MULAW: audio_pb2.AUDIO_ENCODING_MULAW,
    Encoding.ALAW: audio_pb2.AUDIO_ENCODING_ALAW,
}


@dataclass(frozen=True)
class AudioFormat:
    """The form of audio: its encoding, samples a second (8,000 to 48,000) and interleaved channels (1 or 2).

    Raises ValueError for a rate or a number of channels that no mesh takes.
    """

    encoding: Encoding
    sample_rate_hz: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not MIN_SAMPLE_RATE_HZ <= self.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise ValueError(
                f"sample rate {self.sample_rate_hz} Hz is outside "
                f"{MIN_SAMPLE_RATE_HZ}-{MAX_SAMPLE_RATE_HZ} Hz: resample the audio first"
            )
        if self.channels not in (1, 2):
            raise ValueError(f"{self.channels} channels: use 1 or 2")

    @classmethod
    def pcm16(cls, sample_rate_hz: int, channels: int = 1) -> Self:
        """Signed 16-bit little-endian samples."""
        return cls(Encoding.PCM16, sample_rate_hz, channels)

    @classmethod
    def mulaw(cls, sample_rate_hz: int = 8_000, channels: int = 1) -> Self:
        """G.711 mu-law, the telephone's form in North America and Japan."""
        return cls(Encoding.MULAW, sample_rate_hz, channels)

    @classmethod
    def alaw(cls, sample_rate_hz: int = 8_000, channels: int = 1) -> Self:
        """G.711 A-law, the telephone's form elsewhere."""
        return cls(Encoding.ALAW, sample_rate_hz, channels)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.encoding.sample_bytes * self.channels

    def duration(self, size: int) -> float:
        """Seconds of audio in that many bytes."""
        return size / (self.frame_bytes * self.sample_rate_hz)

    def size(self, seconds: float) -> int:
        """Bytes of that many seconds, whole samples, rounded to the nearest sample."""
        return round(seconds * self.sample_rate_hz) * self.frame_bytes

    def silence(self, seconds: float) -> bytes:
        """That many seconds of silence in this form."""
        zero = b"\0" if self.encoding is Encoding.PCM16 else encode(array("h", [0]), self.encoding)
        return zero * self.size(seconds)

    def to_proto(self) -> audio_pb2.AudioFormat:
        """The format as the contract writes it."""
        return audio_pb2.AudioFormat(
            encoding=_TO_PROTO[self.encoding], sample_rate_hz=self.sample_rate_hz, channels=self.channels
        )


def decode(data: bytes, encoding: Encoding) -> array[int]:
    """16-bit samples from bytes in the given encoding.

    Raises ValueError when the bytes end in the middle of a sample.
    """
    if encoding is not Encoding.PCM16:
        table = _decoding_table(encoding)
        return array("h", [table[byte] for byte in data])
    if len(data) % 2:
        raise ValueError(f"{len(data)} bytes end in the middle of a 16-bit sample")
    samples = array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def encode(samples: array[int], encoding: Encoding) -> bytes:
    """Bytes in the given encoding from 16-bit samples (an `array('h')`)."""
    if encoding is not Encoding.PCM16:
        table = _encoding_table(encoding)
        # A negative sample indexes the table from its end, as its two's complement does.
        return bytes([table[sample] for sample in samples])
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


@functools.cache
def _decoding_table(encoding: Encoding) -> tuple[int, ...]:
    expand = _expand_mulaw if encoding is Encoding.MULAW else _expand_alaw
    return tuple(expand(byte) for byte in range(256))


@functools.cache
def _encoding_table(encoding: Encoding) -> bytes:
    compress = _compress_mulaw if encoding is Encoding.MULAW else _compress_alaw
    return bytes([compress(sample if sample < 32_768 else sample - 65_536) for sample in range(65_536)])


# ITU-T G.711, table 2 (mu-law) and table 1 (A-law), for samples scaled to 16 bits: a sign, a segment of three
# bits whose width doubles from one to the next, and four bits within the segment.
_MULAW_BIAS: Final = 132
_MULAW_CLIP: Final = 32_635


def _compress_mulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _MULAW_CLIP) + _MULAW_BIAS
    segment = magnitude.bit_length() - 8
    return ~(sign | segment << 4 | (magnitude >> (segment + 3)) & 0x0F) & 0xFF


def _expand_mulaw(byte: int) -> int:
    byte = ~byte
    magnitude = ((((byte & 0x0F) << 3) + _MULAW_BIAS) << ((byte & 0x70) >> 4)) - _MULAW_BIAS
    return -magnitude if byte & 0x80 else magnitude


def _compress_alaw(sample: int) -> int:
    mask = 0xD5 if sample >= 0 else 0x55
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    segment = max(0, magnitude.bit_length() - 5)
    return (segment << 4 | (magnitude >> max(1, segment)) & 0x0F) ^ mask


def _expand_alaw(byte: int) -> int:
    byte ^= 0x55
    segment = (byte & 0x70) >> 4
    magnitude = ((byte & 0x0F) << 4) + (0x108 if segment else 8)
    magnitude <<= max(0, segment - 1)
    return magnitude if byte & 0x80 else -magnitude
