"""The last of a caller's audio, kept in memory so that a turn can be cut out of it once it is known where it was."""

import io
import wave
from collections import deque

from services.dialogue.model import AudioFormat

LONGEST_S = 60.0
"""Of a longer turn the end is kept."""
_MULAW_BIAS = 33


class Tape:
    """Keeps at most `longest_s` seconds; what is older is gone.

    Args:
        form: of the audio.
        begin: where it begins on the session's audio clock, in seconds.
    """

    def __init__(self, form: AudioFormat, begin: float = 0.0, longest_s: float = LONGEST_S) -> None:
        self._form = form
        self._begin = begin
        self._limit = int(longest_s * form.bytes_per_second)
        self._pieces: deque[bytes] = deque()
        self._first = 0
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self._pieces.append(data)
        self._size += len(data)
        while self._size - len(self._pieces[0]) >= self._limit:
            gone = len(self._pieces.popleft())
            self._first += gone
            self._size -= gone

    def clip(self, start: float, end: float) -> bytes:
        """Return the audio between two places on the session's clock, as a WAV file of 16 bits; empty: it is gone."""
        first, last = (self._place(second) for second in (start, end))
        data = b"".join(self._pieces)[max(0, first - self._first) : max(0, last - self._first)]
        return wav(data, self._form) if data else b""

    def _place(self, second: float) -> int:
        samples = round((max(second, self._begin) - self._begin) * self._form.sample_rate_hz)
        return samples * self._form.frame_bytes


def wav(data: bytes, form: AudioFormat) -> bytes:
    """Return audio as a WAV file of 16-bit samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(form.channels)
        writer.setsampwidth(2)
        writer.setframerate(form.sample_rate_hz)
        writer.writeframes(_pcm16(data, form))
    return file.getvalue()


def _pcm16(data: bytes, form: AudioFormat) -> bytes:
    if form.encoding == "pcm16":
        return data
    expand = _mulaw if form.encoding == "mulaw" else _alaw
    table = [expand(byte).to_bytes(2, "little", signed=True) for byte in range(256)]
    samples = bytearray(2 * len(data))
    for half in (0, 1):
        samples[half::2] = data.translate(bytes(value[half] for value in table))
    return bytes(samples)


def _mulaw(byte: int) -> int:
    """Expand a byte of mu-law (ITU-T G.711, table 2) to 16 bits."""
    byte = ~byte & 0xFF
    size = (((byte & 0x0F) << 1) + _MULAW_BIAS << ((byte & 0x70) >> 4)) - _MULAW_BIAS
    return -4 * size if byte & 0x80 else 4 * size


def _alaw(byte: int) -> int:
    """Expand a byte of A-law (ITU-T G.711, table 1) to 16 bits."""
    byte ^= 0x55
    exponent, size = (byte & 0x70) >> 4, ((byte & 0x0F) << 1) + 1
    size = size + 32 << exponent - 1 if exponent else size
    return 8 * size if byte & 0x80 else -8 * size
