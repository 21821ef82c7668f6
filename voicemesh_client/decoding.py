"""From the messages of the contract to the events of the SDK."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypedDict

from voicemesh.common.v1.error_pb2 import ErrorReason

from voicemesh_client import events
from voicemesh_client.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.message import Message
    from voicemesh.common.v1 import error_pb2, speech_pb2
    from voicemesh.common.v1.audio_pb2 import Word
    from voicemesh.dialogue.v1 import dialogue_pb2, turn_taking_pb2
    from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseResponse


class _Base(TypedDict):
    """The fields that all events have."""

    sequence: int
    audio_offset: float
    received_at: float


def event_of(response: ConverseResponse, received_at: float) -> events.SessionEvent | None:
    """The event in a response; None for a kind that this version of the SDK does not know."""
    kind = response.WhichOneof("response")
    if kind is None:
        return None
    base = _Base(sequence=response.sequence, audio_offset=_seconds(response.audio_offset), received_at=received_at)
    event: events.SessionEvent = _DECODERS[kind](getattr(response, kind), base)
    return event


def disposition_of(message: dialogue_pb2.Disposition) -> events.Disposition:
    """How a call ended."""
    return events.Disposition(
        code=message.code,
        summary=message.summary,
        intents=tuple(message.intents),
        slots=tuple(_slot(slot) for slot in message.slots),
        outcome=outcome_of(message.outcome) if message.HasField("outcome") else None,
    )


def _started(message: dialogue_pb2.SessionStarted, base: _Base) -> events.SessionStarted:
    return events.SessionStarted(
        **base,
        session_id=message.session_id,
        resume_token=message.resume_token,
        resume_window=_seconds(message.resume_window),
        instance=message.instance,
        resumed=message.resumed,
        next_audio_sequence=message.next_audio_sequence,
        tenant_id=message.context.tenant_id,
        region=message.context.region,
        language=message.context.language,
        correlation_id=message.context.correlation_id,
    )


def _transcript(message: dialogue_pb2.CallerTranscript, base: _Base) -> events.Transcript:
    return events.Transcript(
        **base,
        turn_id=message.turn_id,
        text=message.text,
        is_final=message.is_final,
        words=_words(message.words),
        confidence=_known(message, "confidence"),
        stability=_known(message, "stability"),
        start=_seconds(message.start),
        end=_seconds(message.end),
    )


def _understanding(message: dialogue_pb2.Understanding, base: _Base) -> events.Understanding:
    sentiment = None
    if message.HasField("sentiment"):
        sentiment = events.Sentiment(score=message.sentiment.score, confidence=_known(message.sentiment, "confidence"))
    return events.Understanding(
        **base,
        turn_id=message.turn_id,
        intent=message.intent,
        confidence=_known(message, "confidence"),
        out_of_scope=message.out_of_scope,
        entities=tuple(_entity(entity) for entity in message.entities),
        slots=tuple(_slot(slot) for slot in message.slots),
        sentiment=sentiment,
    )


def _agent_turn(message: dialogue_pb2.AgentTurn, base: _Base) -> events.AgentTurn:
    return events.AgentTurn(**base, turn_id=message.turn_id, in_reply_to=message.in_reply_to, text=message.text)


def _agent_audio(message: dialogue_pb2.AgentAudio, base: _Base) -> events.AgentAudio:
    return events.AgentAudio(
        **base,
        turn_id=message.turn_id,
        data=message.data,
        offset=_seconds(message.offset),
        words=_words(message.words),
    )


def _agent_turn_ended(message: dialogue_pb2.AgentTurnEnded, base: _Base) -> events.AgentTurnEnded:
    latency = None
    if message.HasField("latency"):
        stages = message.latency
        latency = events.TurnLatency(
            endpointing=_seconds(stages.endpointing),
            transcription=_seconds(stages.transcription),
            understanding=_seconds(stages.understanding),
            policy=_seconds(stages.policy),
            synthesis=_seconds(stages.synthesis),
            total=_seconds(stages.total),
            prepared=stages.prepared,
        )
    return events.AgentTurnEnded(
        **base,
        turn_id=message.turn_id,
        duration=_seconds(message.duration),
        interrupted=message.interrupted,
        latency=latency,
    )


def _stop_playback(message: dialogue_pb2.StopPlayback, base: _Base) -> events.StopPlayback:
    return events.StopPlayback(**base, turn_id=message.turn_id, may_resume=message.may_resume)


def _resume_playback(message: turn_taking_pb2.ResumePlayback, base: _Base) -> events.ResumePlayback:
    return events.ResumePlayback(**base, turn_id=message.turn_id)


def _error(message: error_pb2.Error, base: _Base) -> events.ErrorNotice:
    # A reason newer than this SDK has a number but no name here.
    known = message.reason in ErrorReason.values()
    name = ErrorReason.Name(message.reason) if known else f"UNKNOWN_{message.reason}"
    return events.ErrorNotice(
        **base,
        reason=name.removeprefix("ERROR_REASON_"),
        message=message.message,
        metadata=dict(message.metadata),
        retry_after_s=_seconds(message.retry_after) if message.HasField("retry_after") else None,
    )


def _go_away(message: dialogue_pb2.GoAway, base: _Base) -> events.GoAway:
    return events.GoAway(**base, deadline=message.deadline.ToDatetime(tzinfo=dt.UTC))


def _ended(message: dialogue_pb2.SessionEnded, base: _Base) -> events.SessionEnded:
    return events.SessionEnded(
        **base,
        disposition=disposition_of(message.disposition),
        duration=_seconds(message.duration),
        caller_turns=message.caller_turns,
        agent_turns=message.agent_turns,
    )


_DECODERS: dict[str, Callable[[Any, _Base], events.SessionEvent]] = {
    "started": _started,
    "transcript": _transcript,
    "understanding": _understanding,
    "agent_turn": _agent_turn,
    "agent_audio": _agent_audio,
    "agent_turn_ended": _agent_turn_ended,
    "stop_playback": _stop_playback,
    "resume_playback": _resume_playback,
    "error": _error,
    "go_away": _go_away,
    "ended": _ended,
}


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def _known(message: Message, field: str) -> float | None:
    """The value of an optional number; None when it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def _words(words: Any) -> tuple[events.Word, ...]:
    return tuple(_word(word) for word in words)


def _word(word: Word) -> events.Word:
    return events.Word(
        text=word.text,
        start=_seconds(word.start),
        end=_seconds(word.end),
        confidence=_known(word, "confidence"),
        speaker=word.speaker,
    )


def _slot(slot: speech_pb2.Slot) -> events.Slot:
    return events.Slot(
        name=slot.name,
        value=slot.value,
        raw=slot.raw,
        type=slot.type,
        confidence=_known(slot, "confidence"),
        confirmed=slot.confirmed,
    )


def _entity(entity: speech_pb2.Entity) -> events.Entity:
    return events.Entity(
        type=entity.type,
        raw=entity.raw,
        value=entity.value,
        start_char=entity.start_char,
        end_char=entity.end_char,
        confidence=_known(entity, "confidence"),
        start=_seconds(entity.start) if entity.HasField("start") else None,
        end=_seconds(entity.end) if entity.HasField("end") else None,
        alternatives=tuple(entity.alternatives),
    )
