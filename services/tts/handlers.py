"""The use cases: speak a stream, speak a text as a whole, list the voices."""

import contextlib
from dataclasses import dataclass

from mesh.audio import bytes_per_second, check_format
from mesh.errors import ErrorReason, MeshError
from services.tts import metrics
from services.tts.config import TtsSettings
from services.tts.messages import Configure
from services.tts.model import Delivery, Synthesizer, Voice, WordTime
from services.tts.packets import Packet, SpeechTrack
from services.tts.sentences import SentenceSplitter, pause_after, speakable
from services.tts.stream import SynthesisStream
from services.tts.voices import choose_voice, speaking


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text: bytes in the asked format, its words, its length in seconds."""

    audio: bytes
    words: tuple[WordTime, ...]
    duration_s: float


class TextToSpeech:
    """Speaks with one engine for all streams."""

    def __init__(self, engine: Synthesizer, settings: TtsSettings) -> None:
        self._engine = engine
        self._settings = settings

    def stream(self) -> SynthesisStream:
        """Return the use case of a new stream."""
        return SynthesisStream(
            self._engine,
            self._choose,
            max_pending_characters=self._settings.tts_max_pending_characters,
            max_open_utterances=self._settings.tts_max_open_utterances,
        )

    def voices(self, language: str) -> list[Voice]:
        """Return the voices of a language, its default first; all of them when it is empty.

        Raises:
            MeshError: UNRECOGNIZED_LANGUAGE when no voice speaks it.
        """
        return speaking(self._engine.voices, language)

    async def synthesize(self, config: Configure, text: str) -> Speech:
        """Speak a text as a whole.

        Raises:
            MeshError: what the configuration or the engine raises; INVALID_REQUEST when the audio would be too
                large for one message.
        """
        delivery = self._choose(config)
        track = SpeechTrack(delivery.voice.sample_rate_hz, config.audio_format)
        splitter = SentenceSplitter(delivery.voice.languages[0])
        packets: list[Packet] = []
        pause_s = 0.0
        for sentence in filter(speakable, splitter.feed(text) + splitter.flush()):
            packets += track.begin_sentence(pause_s)
            pause_s = pause_after(sentence) / delivery.rate
            async with contextlib.aclosing(self._engine.synthesize(sentence.strip(), delivery)) as chunks:
                async for chunk in chunks:
                    packets += track.feed(chunk)
            packets += track.end_sentence()
            self._check_size(sum(len(packet.data) for packet in packets))
        metrics.CHARACTERS.labels(self._engine.name).inc(len(text))
        audio = b"".join(packet.data for packet in packets)
        return Speech(
            audio,
            tuple(word for packet in packets for word in packet.words),
            len(audio) / bytes_per_second(config.audio_format),
        )

    def _choose(self, config: Configure) -> Delivery:
        check_format(config.audio_format)
        voice = choose_voice(
            self._engine, name=config.voice, language=config.language, preferred=self._settings.tts_voice
        )
        return Delivery(voice, config.rate, config.pitch_semitones)

    def _check_size(self, size: int) -> None:
        limit = self._settings.tts_max_unary_bytes
        if size > limit:
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_REQUEST,
                f"the text's audio is larger than {limit} bytes; use StreamingSynthesize, or send less text",
                metadata={"field": "text", "rule": f"audio of at most {limit} bytes"},
            )
