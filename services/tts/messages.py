"""What goes in and out of a synthesis stream, in the words of this service."""

from dataclasses import dataclass
from typing import TypeAlias

from voicemesh.common.v1.audio_pb2 import AudioFormat

from services.tts.model import WordTime


@dataclass(frozen=True, slots=True)
class Configure:
    """How to speak, from the next utterance on. Without a voice's name the language chooses."""

    language: str
    audio_format: AudioFormat
    voice: str = ""
    rate: float = 1.0
    pitch_semitones: float = 0.0


@dataclass(frozen=True, slots=True)
class AddText:
    """A piece of an utterance's text."""

    utterance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Flush:
    """Speak what has come of the utterance, and end it."""

    utterance_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Say no more of the utterance; of any, if the id is empty."""

    utterance_id: str


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes."""


Command: TypeAlias = Configure | AddText | Flush | Cancel | End


@dataclass(frozen=True, slots=True)
class Audio:
    """A stretch of an utterance's audio in the configured format; `offset_s` counts from its beginning."""

    utterance_id: str
    data: bytes
    offset_s: float


@dataclass(frozen=True, slots=True)
class Words:
    """Words of audio that comes next, in seconds from the utterance's beginning."""

    utterance_id: str
    words: tuple[WordTime, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """An utterance is over: the length of the audio that was sent, and how long its first audio took."""

    utterance_id: str
    duration_s: float
    cancelled: bool
    first_audio_after_s: float | None


Event: TypeAlias = Audio | Words | Done
