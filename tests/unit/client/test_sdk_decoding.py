"""Messages of the contract become plain dataclasses."""

from __future__ import annotations

import datetime as dt

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.common.v1 import audio_pb2, error_pb2, speech_pb2
from voicemesh.dialogue.v1 import dialogue_pb2 as d
from voicemesh.dialogue.v1 import turn_taking_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseResponse

import voicemesh_client as sdk
from voicemesh_client.decoding import event_of


def half(seconds: int = 0) -> Duration:
    return Duration(seconds=seconds, nanos=500_000_000)


def test_absent_is_none_and_zero_is_zero() -> None:
    word = audio_pb2.Word(text="yes", start=half(), end=half(1), confidence=0.0)
    message = d.CallerTranscript(turn_id="c", text="yes", words=[word], is_final=True, start=half(), end=half(1))
    event = event_of(ConverseResponse(sequence=4, audio_offset=half(2), transcript=message), 9.0)
    assert event == sdk.Transcript(
        sequence=4,
        audio_offset=2.5,
        received_at=9.0,
        turn_id="c",
        text="yes",
        is_final=True,
        words=(sdk.Word(text="yes", start=0.5, end=1.5, confidence=0.0),),
        confidence=None,
        stability=None,
        start=0.5,
        end=1.5,
    )


def test_understanding() -> None:
    entity = speech_pb2.Entity(type="date", raw="Tuesday", value="2026-11-24", end_char=7, alternatives=["x"])
    message = d.Understanding(
        turn_id="c",
        intent="book",
        confidence=0.9,
        entities=[entity],
        slots=[speech_pb2.Slot(name="day", value="2026-11-24", confirmed=True)],
        sentiment=speech_pb2.Sentiment(score=-0.5),
    )
    event = event_of(ConverseResponse(understanding=message), 0.0)
    assert isinstance(event, sdk.Understanding)
    assert (event.intent, event.confidence, event.out_of_scope) == ("book", 0.9, False)
    assert event.entities[0].start is None
    assert event.entities[0].alternatives == ("x",)
    assert event.slots[0].confirmed
    assert event.sentiment == sdk.Sentiment(score=-0.5)
    bare = event_of(ConverseResponse(understanding=d.Understanding(turn_id="c")), 0.0)
    assert isinstance(bare, sdk.Understanding)
    assert (bare.sentiment, bare.confidence) == (None, None)


def test_latency_is_there_or_not() -> None:
    latency = turn_taking_pb2.TurnLatency(endpointing=half(), total=half(1))
    event = event_of(ConverseResponse(agent_turn_ended=d.AgentTurnEnded(turn_id="a", latency=latency)), 0.0)
    assert isinstance(event, sdk.AgentTurnEnded)
    assert event.latency is not None
    assert (event.latency.endpointing, event.latency.total, event.latency.policy) == (0.5, 1.5, 0.0)
    bare = event_of(ConverseResponse(agent_turn_ended=d.AgentTurnEnded(turn_id="a")), 0.0)
    assert isinstance(bare, sdk.AgentTurnEnded)
    assert bare.latency is None


@pytest.mark.parametrize(
    ("reason", "name"),
    [(error_pb2.ERROR_REASON_OVERLOADED, "OVERLOADED"), (999, "UNKNOWN_999")],
)
def test_error_notices_keep_their_reason(reason: int, name: str) -> None:
    message = error_pb2.Error(reason=reason, message="m", metadata={"a": "b"}, retry_after=half(3))
    event = event_of(ConverseResponse(error=message), 0.0)
    assert isinstance(event, sdk.ErrorNotice)
    assert (event.reason, event.metadata, event.retry_after_s) == (name, {"a": "b"}, 3.5)


def test_going_away_is_in_utc() -> None:
    event = event_of(ConverseResponse(go_away=d.GoAway(deadline=Timestamp(seconds=60))), 0.0)
    assert isinstance(event, sdk.GoAway)
    assert event.deadline == dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)


def test_every_kind_of_the_contract_is_known_and_none_is_skipped() -> None:
    for field in ConverseResponse.DESCRIPTOR.oneofs_by_name["response"].fields:
        response = ConverseResponse()
        getattr(response, field.name).SetInParent()
        assert event_of(response, 0.0) is not None, field.name
    assert event_of(ConverseResponse(), 0.0) is None
