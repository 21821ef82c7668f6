"""What a session emits, as the protos that the client reads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from voicemesh.common.v1 import audio_pb2, speech_pb2
from voicemesh.dialogue.v1 import dialogue_pb2, turn_taking_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseResponse

from mesh.durations import to_duration, to_timestamp
from mesh.errors import MeshError
from services.dialogue import model
from services.dialogue.adapters.events import slot
from services.dialogue.adapters.outcomes import outcome_proto
from services.dialogue.adapters.protos import AGENT, CALLER, request_context


def to_response(output: model.SessionOutput, sequence: int) -> ConverseResponse:
    """Return an output's proto with its sequence number."""
    response = _MAKERS[type(output)](output)
    response.sequence = sequence
    return response


def _started(output: model.Started) -> ConverseResponse:
    return ConverseResponse(
        started=dialogue_pb2.SessionStarted(
            session_id=output.info.session_id,
            instance=output.instance,
            context=request_context(output.info),
            resume_token=output.resume_token,
            resume_window=to_duration(output.resume_window),
            resumed=output.resumed,
            next_audio_sequence=output.next_audio,
            last_received_sequence=output.last_request,
        )
    )


def _transcribed(output: model.Transcribed) -> ConverseResponse:
    heard = output.heard
    transcript = dialogue_pb2.CallerTranscript(
        turn_id=output.turn_id,
        text=heard.text,
        words=[_word(w, CALLER) for w in heard.words],
        is_final=heard.is_final,
        confidence=heard.confidence,
        stability=heard.stability,
        start=to_duration(heard.start),
        end=to_duration(heard.end),
    )
    return ConverseResponse(transcript=transcript, audio_offset=to_duration(heard.end))


def _understood(output: model.Understood) -> ConverseResponse:
    understanding = output.understanding
    message = dialogue_pb2.Understanding(
        turn_id=output.turn_id,
        intent=understanding.intent,
        confidence=understanding.confidence,
        out_of_scope=understanding.out_of_scope,
        entities=[_entity(e) for e in understanding.entities],
        slots=[slot(s) for s in output.slots],
    )
    if understanding.sentiment is not None:
        message.sentiment.score = understanding.sentiment
    return ConverseResponse(understanding=message)


def _agent_begins(output: model.AgentBegins) -> ConverseResponse:
    return ConverseResponse(
        agent_turn=dialogue_pb2.AgentTurn(turn_id=output.turn_id, in_reply_to=output.in_reply_to, text=output.text)
    )


def _agent_audio(output: model.AgentAudio) -> ConverseResponse:
    return ConverseResponse(
        agent_audio=dialogue_pb2.AgentAudio(
            turn_id=output.turn_id,
            data=output.data,
            offset=to_duration(output.offset),
            words=[_word(w, AGENT) for w in output.words],
        )
    )


def _agent_ended(output: model.AgentEnded) -> ConverseResponse:
    ended = dialogue_pb2.AgentTurnEnded(
        turn_id=output.turn_id, duration=to_duration(output.duration), interrupted=output.interrupted
    )
    if output.latency is not None:
        for stage in ("endpointing", "transcription", "understanding", "policy", "synthesis", "total"):
            getattr(ended.latency, stage).CopyFrom(to_duration(getattr(output.latency, stage)))
        ended.latency.prepared = output.latency.prepared
    return ConverseResponse(agent_turn_ended=ended)


def _stop_playback(output: model.StopPlayback) -> ConverseResponse:
    stop = dialogue_pb2.StopPlayback(turn_id=output.turn_id, may_resume=output.may_resume)
    return ConverseResponse(stop_playback=stop)


def _resume_playback(output: model.ResumePlayback) -> ConverseResponse:
    return ConverseResponse(resume_playback=turn_taking_pb2.ResumePlayback(turn_id=output.turn_id))


def _going_away(output: model.GoingAway) -> ConverseResponse:
    deadline = datetime.now(UTC) + timedelta(seconds=output.within_s)
    return ConverseResponse(go_away=dialogue_pb2.GoAway(deadline=to_timestamp(deadline)))


def _refused(output: model.Refused) -> ConverseResponse:
    assert isinstance(output.error, MeshError)
    return ConverseResponse(error=output.error.to_proto())


def _ended(output: model.Ended) -> ConverseResponse:
    disposition = dialogue_pb2.Disposition(
        code=output.disposition,
        summary=output.summary,
        intents=output.intents,
        slots=[slot(s) for s in output.slots],
        outcome=None if output.outcome is None else outcome_proto(output.outcome),
    )
    return ConverseResponse(
        ended=dialogue_pb2.SessionEnded(
            disposition=disposition,
            duration=to_duration(output.duration),
            caller_turns=output.caller_turns,
            agent_turns=output.agent_turns,
        )
    )


def _word(word: model.Word, speaker: str) -> audio_pb2.Word:
    return audio_pb2.Word(
        text=word.text,
        start=to_duration(word.start),
        end=to_duration(word.end),
        confidence=word.confidence,
        speaker=speaker,
    )


def _entity(entity: model.Entity) -> speech_pb2.Entity:
    return speech_pb2.Entity(
        type=entity.type,
        raw=entity.raw,
        value=entity.value,
        start_char=entity.start_char,
        end_char=entity.end_char,
        confidence=entity.confidence,
        alternatives=entity.alternatives,
        start=to_duration(entity.start) if entity.start is not None else None,
        end=to_duration(entity.end) if entity.end is not None else None,
    )


_MAKERS: dict[type, Callable[[Any], ConverseResponse]] = {
    model.Started: _started,
    model.Transcribed: _transcribed,
    model.Understood: _understood,
    model.AgentBegins: _agent_begins,
    model.AgentAudio: _agent_audio,
    model.AgentEnded: _agent_ended,
    model.StopPlayback: _stop_playback,
    model.ResumePlayback: _resume_playback,
    model.GoingAway: _going_away,
    model.Refused: _refused,
    model.Ended: _ended,
}
