"""The audio of an utterance in its wire format, cut into packets."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from voicemesh.common.v1.audio_pb2 import AudioFormat

from mesh.audio import StreamEncoder, bytes_per_second
from services.tts.model import SpeechChunk, WordTime

FIRST_PACKET_S = 0.04
"""Length of an utterance's first packet: short, for a caller waits for it."""

PACKET_S = 0.2
"""Length of the others: a message costs about 100 us of either side's processor."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A stretch of audio, where it begins in the utterance, its length, and the words that begin before its end."""

    data: bytes
    offset_s: float
    duration_s: float
    words: tuple[WordTime, ...]


class SpeechTrack:
    """Puts an utterance's sentences one behind the other, resampled and encoded.

    Less than one packet is held back, and nothing at a sentence's end: `feed` may be called again much later.
    """

    def __init__(self, source_rate_hz: int, audio_format: AudioFormat) -> None:
        self._source_rate_hz = source_rate_hz
        self._encoder = StreamEncoder(source_rate_hz, audio_format)
        self._bytes_per_second = bytes_per_second(audio_format)
        self._frame_bytes = self._bytes_per_second // audio_format.sample_rate_hz
        self._buffer = bytearray()
        self._cut_bytes = 0
        self._words: deque[WordTime] = deque()
        self._sentence_from_s = 0.0

    def feed(self, chunk: SpeechChunk) -> list[Packet]:
        """Take a chunk, whose word times count from its sentence's beginning; return the packets that are full."""
        self._words.extend(word.shifted(self._sentence_from_s) for word in chunk.words)
        if chunk.samples.size:
            self._buffer += self._encoder.feed(chunk.samples)
        return self._full_packets()

    def begin_sentence(self, pause_s: float) -> list[Packet]:
        """Begin a sentence after so many seconds of silence; return the packets that are full."""
        packets = self.feed(SpeechChunk(np.zeros(round(pause_s * self._source_rate_hz), np.float32)))
        packets += self._flush_encoder()
        self._sentence_from_s = self._seconds(self._cut_bytes + len(self._buffer))
        return packets

    def end_sentence(self) -> list[Packet]:
        """Return the rest of the sentence, the words that are left with the last packet."""
        packets = self._flush_encoder()
        if self._buffer or self._words:
            rest = self._cut(len(self._buffer))
            packets.append(Packet(rest.data, rest.offset_s, rest.duration_s, (*rest.words, *self._words)))
            self._words.clear()
        return packets

    def _flush_encoder(self) -> list[Packet]:
        self._buffer += self._encoder.flush()
        return self._full_packets()

    def _full_packets(self) -> list[Packet]:
        packets = []
        while len(self._buffer) >= (size := self._packet_bytes()):
            packets.append(self._cut(size))
        return packets

    def _packet_bytes(self) -> int:
        seconds = PACKET_S if self._cut_bytes else FIRST_PACKET_S
        return int(seconds * self._bytes_per_second) // self._frame_bytes * self._frame_bytes

    def _cut(self, size: int) -> Packet:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        offset_s = self._seconds(self._cut_bytes)
        self._cut_bytes += size
        end_s = self._seconds(self._cut_bytes)
        words = []
        while self._words and self._words[0].start_s < end_s:
            words.append(self._words.popleft())
        return Packet(data, offset_s, self._seconds(size), tuple(words))

    def _seconds(self, count: int) -> float:
        return count / self._bytes_per_second
