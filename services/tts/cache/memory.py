"""Speech in memory, by what decides how it sounds."""

import unicodedata
from dataclasses import astuple, dataclass
from typing import TypeAlias

import numpy as np
from cachetools import LRUCache

from services.tts import metrics
from services.tts.model import Delivery, SpeechChunk

Speech: TypeAlias = tuple[SpeechChunk, ...]
"""A sentence's chunks, in order."""

# What a chunk and a word take beside their samples and letters, about.
_OBJECT_BYTES = 200


@dataclass(frozen=True, slots=True)
class SpeechKey:
    """What decides a sentence's speech; `revision` is the voice's, empty where it is unknown."""

    engine: str
    voice: str
    revision: str
    language: str
    rate: float
    pitch_semitones: float
    text: str


def tidy(text: str) -> str:
    """Return a text as it is compared: composed characters (NFC), one space between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def speech_key(text: str, delivery: Delivery) -> SpeechKey:
    """Return the key of a sentence spoken so."""
    voice = delivery.voice
    return SpeechKey(
        engine=voice.engine,
        voice=voice.name,
        revision=voice.revision,
        language=voice.languages[0],
        rate=delivery.rate,
        pitch_semitones=delivery.pitch_semitones,
        text=tidy(text),
    )


def kept(chunk: SpeechChunk) -> SpeechChunk:
    """Return a chunk to keep: its own read-only copy of the samples, marked as cached."""
    samples = np.array(chunk.samples)
    samples.flags.writeable = False
    return SpeechChunk(samples, chunk.words, cached=True)


class MemoryCache:
    """Holds at most `limit_bytes` of speech; when it is full the sentence that was used longest ago goes.

    For the event loop: not safe for use by several threads.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._speech: LRUCache[SpeechKey, Speech] = LRUCache(limit_bytes, getsizeof=size_of)

    def get(self, key: SpeechKey) -> Speech | None:
        """Return a sentence's speech; None when it is not there."""
        return self._speech.get(key)

    def put(self, key: SpeechKey, speech: Speech, *, make_room: bool = True) -> bool:
        """Keep a sentence's speech; return whether it is kept.

        It is not when it is larger than the whole cache or, without `make_room`, than what is free.
        """
        free = self._speech.maxsize - (self._speech.currsize if not make_room else 0)
        if key in self._speech or size_of(speech) > free:
            return key in self._speech
        self._speech[key] = speech
        metrics.CACHE_BYTES.set(self._speech.currsize)
        return True


def size_of(speech: Speech) -> int:
    """Return about how many bytes of memory a sentence's speech takes."""
    return sum(
        chunk.samples.nbytes + _OBJECT_BYTES + sum(len(word.text) + _OBJECT_BYTES for word in chunk.words)
        for chunk in speech
    )


def fields_of(key: SpeechKey) -> list[str | float]:
    """Return a key's fields in their order, for JSON."""
    return list(astuple(key))
