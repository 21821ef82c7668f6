"""An utterance while it is spoken: its text, its audio, how far it was heard."""

import time
from typing import TYPE_CHECKING

from voicemesh.common.v1.audio_pb2 import AudioFormat

from mesh import telemetry
from services.tts import metrics
from services.tts.messages import Done
from services.tts.model import Delivery, SpeechChunk
from services.tts.packets import Packet, SpeechTrack
from services.tts.sentences import SentenceSplitter, pause_after

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_tracer = telemetry.tracer(__name__)


class Utterance:
    """What is said under one id, with the configuration that held when it began.

    Its span `tts.synthesize` lasts from its first text to the delivery of its end. `queued` counts the sentences
    that were put in line.
    """

    def __init__(self, utterance_id: str, delivery: Delivery, audio_format: AudioFormat) -> None:
        self.id = utterance_id
        self.delivery = delivery
        self.splitter = SentenceSplitter(delivery.voice.languages[0])
        self.track = SpeechTrack(delivery.voice.sample_rate_hz, audio_format)
        self.cancelled = False
        self.ending = False
        self.queued = 0
        self._began_at = time.perf_counter()
        self._first_audio_after_s: float | None = None
        self._delivered_s = 0.0
        self._characters = 0
        self._pause_s = 0.0
        self._sentences = 0
        self._cached: set[int] = set()
        self._span: Span = _tracer.start_span(
            "tts.synthesize",
            attributes={
                "tts.engine": self._engine,
                "tts.voice": delivery.voice.name,
                "tts.utterance_id": utterance_id,
            },
        )

    def saying(self, sentence: str) -> list[Packet]:
        """Note that a sentence is given to the engine; return the pause that belongs before it."""
        pause_s, self._pause_s = self._pause_s, pause_after(sentence) / self.delivery.rate
        self._sentences += 1
        self._characters += len(sentence)
        metrics.CHARACTERS.labels(self._engine).inc(len(sentence))
        return self.track.begin_sentence(pause_s)

    def feed(self, chunk: SpeechChunk) -> list[Packet]:
        """Take a chunk of the sentence that is being said; return the packets that are full."""
        if chunk.cached:
            self._cached.add(self._sentences)
        return self.track.feed(chunk)

    def delivered(self, packet: Packet) -> None:
        """Note that a packet is written to the client."""
        if self._first_audio_after_s is None and packet.data:
            self._first_audio_after_s = time.perf_counter() - self._began_at
            self._span.add_event("first_audio")
            metrics.FIRST_AUDIO_SECONDS.labels(self._engine).observe(self._first_audio_after_s)
        self._delivered_s += packet.duration_s
        metrics.AUDIO_SECONDS.labels(self._engine).inc(packet.duration_s)

    def done(self) -> Done:
        """Close the utterance and return the message that says so."""
        self.close("cancelled" if self.cancelled else "spoken")
        return Done(self.id, self._delivered_s, self.cancelled, self._first_audio_after_s)

    def close(self, outcome: str) -> None:
        """End the span, saying how the utterance ended: spoken, cancelled, or dropped with its stream."""
        metrics.UTTERANCES.labels(self._engine, outcome).inc()
        self._span.set_attributes(
            {
                "tts.outcome": outcome,
                "tts.sentences": self._sentences,
                "tts.cached_sentences": len(self._cached),
                "tts.characters": self._characters,
                "tts.audio_s": round(self._delivered_s, 3),
            }
        )
        self._span.end()

    @property
    def _engine(self) -> str:
        return self.delivery.voice.engine
