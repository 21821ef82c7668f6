"""Versions of an event: what is published together, and which one a consumer gets."""

import pytest
from google.protobuf.message import Message
from voicemesh.common.v1.outcome_pb2 import CallOutcome, TurnSentiment
from voicemesh.common.v1.speech_pb2 import Sentiment, Slot
from voicemesh.events.v1 import call_events_pb2 as v1
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged
from voicemesh.events.v1.early_events_pb2 import UtteranceHeard
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v2 import call_completed_pb2 as v2

from mesh.bus import EventError, seal_versions, up_converted, versioned_id
from mesh.bus.upcasting import STEPS, Reading, version_of


def a_context(event_id: str = "s1.call-completed") -> EventContext:
    return EventContext(event_id=event_id, tenant_id="clinic", region="local", session_id="s1", confidence=0.9)


def the_first() -> v1.CallCompleted:
    return v1.CallCompleted(
        context=a_context(),
        disposition="appointment_booked",
        summary="Booked.",
        intents=["book_appointment"],
        slots=[Slot(name="service", value="cleaning")],
        sentiment=Sentiment(score=0.5),
        transcript_reference="voicemesh:dialogue/sessions/s1",
        domain="clinic",
        direction="inbound",
        outcome=CallOutcome(sentiments=[TurnSentiment(turn_id="c1", sentiment=Sentiment(score=0.25))]),
    )


def test_the_up_converter_keeps_every_fact() -> None:
    first = the_first()
    second = up_converted(first, v2.CallCompleted)
    assert second.context.event_id == "s1.call-completed.v2"
    assert (second.context.session_id, second.context.confidence) == ("s1", 0.9)
    assert (second.disposition, second.summary, second.domain) == ("appointment_booked", "Booked.", "clinic")
    assert list(second.served_intents) == ["book_appointment"]
    assert list(second.slots) == list(first.slots)
    assert second.outcome == first.outcome
    assert second.sentiment.score == 0.5
    assert second.transcript.uri == "voicemesh:dialogue/sessions/s1"
    assert second.transcript.sha256 == ""
    assert second.direction == v2.CALL_DIRECTION_INBOUND
    assert not second.HasField("caller_turns")
    assert first.context.event_id == "s1.call-completed", "the event that came stays as it is"


def test_what_version_1_did_not_say_version_2_does_not_invent() -> None:
    second = up_converted(v1.CallCompleted(context=a_context()), v2.CallCompleted)
    assert [field.name for field, _ in second.ListFields()] == ["context"]


def test_every_step_leads_to_the_next_version_of_the_same_event() -> None:
    for older, step in STEPS.items():
        made = step(older())
        name, newer = older.DESCRIPTOR.full_name, made.DESCRIPTOR.full_name
        assert version_of(newer) == version_of(name) + 1
        assert newer.rpartition(".")[2] == name.rpartition(".")[2]


def test_versions_are_sealed_together_and_name_each_other() -> None:
    first = the_first()
    envelopes = seal_versions([first, up_converted(first, v2.CallCompleted)])
    assert [envelope.headers["ce-versions"] for envelope in envelopes] == ["v1,v2", "v1,v2"]
    assert [envelope.headers["Nats-Msg-Id"] for envelope in envelopes] == ["s1.call-completed", "s1.call-completed.v2"]
    (alone,) = seal_versions([first])
    assert "ce-versions" not in alone.headers


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([up_converted(the_first(), v2.CallCompleted), the_first()], "oldest first"),
        ([the_first(), the_first()], "oldest first"),
        ([ComplaintLogged(context=a_context()), up_converted(the_first(), v2.CallCompleted)], "no versions of one"),
        ([the_first(), v2.CallCompleted(context=a_context("other.v2"))], r"not s1\.call-completed\.v2"),
        ([EventContext()], "no event's name|is no event"),
    ],
)
def test_what_is_no_pair_of_versions_is_refused(events: list[Message], complaint: str) -> None:
    with pytest.raises(EventError, match=complaint):
        seal_versions(events)


@pytest.mark.parametrize(
    ("event", "versions", "taken"),
    [
        (the_first(), "", True),
        (the_first(), "v1", True),
        (the_first(), "v1,v2", False),
        (the_first(), "v1,v3", True),  # a consumer of version 2 cannot read version 3
        (the_first(), "nonsense", True),
        (v2.CallCompleted(context=a_context("s1.call-completed.v2")), "v1,v2", True),
        (v2.CallCompleted(context=a_context("s1.call-completed.v2")), "", True),
    ],
)
def test_a_consumer_of_version_2_gets_each_fact_once_under_one_id(event: Message, versions: str, taken: bool) -> None:
    got = Reading([v2.CallCompleted], "*").take(event, {"ce-versions": versions})
    assert (got is not None) == taken
    if got is not None:
        assert isinstance(got, v2.CallCompleted)
        assert got.context.event_id == versioned_id("s1.call-completed", 2)


def test_a_consumer_of_version_1_hears_of_version_1_alone() -> None:
    reading = Reading([v1.CallCompleted], "eu")
    assert reading.subjects == ["voicemesh.events.v1.CallCompleted.eu"]
    first = the_first()
    assert reading.take(first, {"ce-versions": "v1,v2"}) is first


def test_a_consumer_of_version_2_subscribes_to_both() -> None:
    subjects = Reading([v2.CallCompleted, ComplaintLogged], "*").subjects
    assert sorted(subjects) == [
        "voicemesh.events.v1.CallCompleted.*",
        "voicemesh.events.v1.ComplaintLogged.*",
        "voicemesh.events.v2.CallCompleted.*",
    ]


def test_two_versions_or_two_profiles_for_one_consumer_are_refused() -> None:
    with pytest.raises(EventError, match="one version"):
        Reading([v1.CallCompleted, v2.CallCompleted], "*")
    with pytest.raises(EventError, match="one stream"):
        Reading([ComplaintLogged, UtteranceHeard], "*")
