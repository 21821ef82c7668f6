"""What a call tells of itself while it is on."""

from dataclasses import replace

from fakes.call_store import HEARD, INFO, UNDERSTOOD
from google.protobuf.message import Message
from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER
from voicemesh.events.v1 import early_events_pb2 as pb

from services.dialogue import model
from services.dialogue.adapters.early import CallWatch, Signs, WatchedUnderstander
from services.dialogue.adapters.events import CallEvents

PARTIAL = replace(HEARD, is_final=False, is_speculative=True, stability=0.7)


class Told:
    """Collects what a watch tells."""

    def __init__(self, signs: Signs | None = None) -> None:
        self.events: list[Message] = []
        self.call = CallEvents(INFO)
        self.watch = CallWatch(self.call, INFO.language, signs or Signs(), lambda make: self.events.append(make()))

    def of(self, kind: type[Message]) -> list[Message]:
        return [event for event in self.events if isinstance(event, kind)]


def meaning(intent: str = "inform", *, mood: float | None = None, confidence: float = 0.9) -> model.Understanding:
    return model.Understanding("words", intent, confidence, sentiment=mood)


def test_words_and_meaning_are_told_without_what_is_personal() -> None:
    told = Told()
    told.watch.understood("c1", PARTIAL, UNDERSTOOD)
    heard, suspected = told.events
    assert isinstance(heard, pb.UtteranceHeard)
    assert heard.text == "My number is [phone] thanks"
    assert (heard.final, heard.stability) == (False, 0.7)
    assert (heard.start.seconds, heard.end.seconds) == (1, 2)
    assert heard.context.confidence == 0.9
    assert isinstance(suspected, pb.IntentSuspected)
    assert (suspected.intent, suspected.final, suspected.context.confidence) == ("inform", False, 0.8)
    for event in (heard, suspected):
        context = event.context
        assert (context.tenant_id, context.region, context.correlation_id) == ("acme", "eu", "corr")
        assert (context.session_id, context.turn_id, context.language) == ("s1", "c1", "en-US")
        assert (context.speaker, context.audio_offset.seconds) == (SPEAKER_CALLER, 1)
        assert context.HasField("occurred_at")


def test_what_the_call_knows_of_the_caller_goes_from_the_words_and_into_the_context() -> None:
    told = Told()
    told.call.contact_id, told.call.contact_name = "contact-1", "Ann Lee"
    told.call.learn_names(["Walker"])
    told.watch.understood("c1", replace(HEARD, text="no, lee, not Leigh, and Walker"), meaning())
    (heard,) = told.of(pb.UtteranceHeard)
    assert isinstance(heard, pb.UtteranceHeard)
    assert heard.text == "no, [person_name], not Leigh, and [person_name]"
    assert heard.context.customer.contact_id == "contact-1"


def test_the_same_is_told_once_a_turn_and_every_event_has_an_id_of_its_own() -> None:
    told = Told()
    for heard in (PARTIAL, PARTIAL, HEARD, HEARD):
        told.watch.understood("c1", heard, UNDERSTOOD)
    assert [event.final for event in told.of(pb.UtteranceHeard)] == [False, True]  # type: ignore[attr-defined]
    assert [event.final for event in told.of(pb.IntentSuspected)] == [False, True]  # type: ignore[attr-defined]
    told.watch.understood("c2", HEARD, UNDERSTOOD)
    assert len(told.events) == 6
    assert len({event.context.event_id for event in told.events}) == 6  # type: ignore[attr-defined]


def test_an_urgent_intent_is_told_where_it_is_likely() -> None:
    told = Told(Signs(urgent=frozenset({"emergency"})))
    told.watch.understood("c1", HEARD, meaning("emergency", confidence=0.3))
    told.watch.understood("c1", HEARD, meaning("human"))
    assert told.of(pb.EscalationSuspected) == []
    told.watch.understood("c2", HEARD, meaning("emergency"))
    (escalation,) = told.of(pb.EscalationSuspected)
    assert isinstance(escalation, pb.EscalationSuspected)
    assert (escalation.reason, escalation.intent) == (pb.ESCALATION_REASON_URGENT_INTENT, "emergency")
    assert escalation.context.confidence == 0.9


def test_a_mood_that_is_low_or_falls_far_is_told() -> None:
    told = Told(Signs(low=-0.6, fall=0.8))
    told.watch.understood("c1", HEARD, meaning(mood=0.5))
    told.watch.understood("c2", HEARD, meaning(mood=-0.2))
    assert told.of(pb.EscalationSuspected) == []
    told.watch.understood("c3", HEARD, meaning(mood=-0.4))
    told.watch.understood("c4", HEARD, meaning(mood=-0.7))
    seen = [(e.context.turn_id, e.reason) for e in told.events if isinstance(e, pb.EscalationSuspected)]
    assert seen == [
        ("c3", pb.ESCALATION_REASON_SENTIMENT_FALLING),
        ("c4", pb.ESCALATION_REASON_SENTIMENT_LOW),
        ("c4", pb.ESCALATION_REASON_SENTIMENT_FALLING),
    ]
    last = told.of(pb.EscalationSuspected)[-1]
    assert isinstance(last, pb.EscalationSuspected)
    assert (last.sentiment.score, last.sentiment_before.score) == (-0.7, 0.5)
    assert not last.context.HasField("confidence")


class Reader:
    """An understander that knows one answer."""

    async def understand(self, turn_id: str, heard: model.Heard) -> model.Understanding:
        return UNDERSTOOD

    async def expect(self, expectation: model.Expectation, language: str) -> None:
        """Nothing is expected."""


async def test_the_watch_changes_no_answer_and_follows_the_language() -> None:
    told = Told()
    watched = WatchedUnderstander(Reader(), told.watch)
    await watched.expect(model.Expectation(), "es-US")
    assert await watched.understand("c1", HEARD) is UNDERSTOOD
    assert {event.context.language for event in told.events} == {"es-US"}  # type: ignore[attr-defined]
