"""The client SDK of Voicemesh: typed, asynchronous, on grpcio and protobuf only.

A client that speaks and listens::

    async with voicemesh_client.connect("127.0.0.1:7411") as mesh:
        form = AudioFormat.pcm16(16_000)
        async with mesh.session("clinic", input_audio=form, output_audio=form, handlers=Printer()) as session:
            await session.play_file("caller.wav")
            await session.end_of_audio()
            await session.wait_ended()
"""

from voicemesh_client.audio import AudioFormat, Encoding
from voicemesh_client.clock import Clock, MonotonicClock
from voicemesh_client.config import Direction, SessionConfig, TurnTaking
from voicemesh_client.errors import (
    AccessError,
    ConnectionDroppedError,
    ConsentDeniedError,
    ConsentError,
    ConsentUnknownError,
    DeadlineError,
    InvalidAudioError,
    OverloadedError,
    RequestError,
    ServiceError,
    SessionClosedError,
    SessionLimitError,
    SilenceTimeoutError,
    SlowConsumerError,
    UnavailableError,
    UnrecognizedLanguageError,
    VoicemeshError,
)
from voicemesh_client.events import (
    AgentAudio,
    AgentTurn,
    AgentTurnEnded,
    Disposition,
    Entity,
    ErrorNotice,
    Event,
    GoAway,
    Reconnecting,
    Resumed,
    ResumePlayback,
    Sentiment,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    Slot,
    StopPlayback,
    Transcript,
    TurnLatency,
    Understanding,
    Word,
)
from voicemesh_client.framing import AudioData
from voicemesh_client.mesh import Domain, Mesh, SessionOptions, SessionState, connect
from voicemesh_client.outcome import Appointment, CallOutcome, Commitment, NamedEntity, NextStep, TurnSentiment
from voicemesh_client.session import Session
from voicemesh_client.speaker import BufferingSink, PlayedAudio, Sink, Speaker
from voicemesh_client.wav import WavAudio, read_wav, write_wav

__all__ = [
    "AccessError",
    "AgentAudio",
    "AgentTurn",
    "AgentTurnEnded",
    "Appointment",
    "AudioData",
    "AudioFormat",
    "BufferingSink",
    "CallOutcome",
    "Clock",
    "Commitment",
    "ConnectionDroppedError",
    "ConsentDeniedError",
    "ConsentError",
    "ConsentUnknownError",
    "DeadlineError",
    "Direction",
    "Disposition",
    "Domain",
    "Encoding",
    "Entity",
    "ErrorNotice",
    "Event",
    "GoAway",
    "InvalidAudioError",
    "Mesh",
    "MonotonicClock",
    "NamedEntity",
    "NextStep",
    "OverloadedError",
    "PlayedAudio",
    "Reconnecting",
    "RequestError",
    "ResumePlayback",
    "Resumed",
    "Sentiment",
    "ServiceError",
    "Session",
    "SessionClosedError",
    "SessionConfig",
    "SessionEnded",
    "SessionEvent",
    "SessionLimitError",
    "SessionOptions",
    "SessionStarted",
    "SessionState",
    "SilenceTimeoutError",
    "Sink",
    "Slot",
    "SlowConsumerError",
    "Speaker",
    "StopPlayback",
    "Transcript",
    "TurnLatency",
    "TurnSentiment",
    "TurnTaking",
    "UnavailableError",
    "Understanding",
    "UnrecognizedLanguageError",
    "VoicemeshError",
    "WavAudio",
    "Word",
    "connect",
    "read_wav",
    "write_wav",
]
