"""The rules of the contracts: what is refused, and that the refusal names the field by its path."""

import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from voicemesh.asr.v1 import asr_pb2
from voicemesh.asr.v1.asr_service_pb2 import ListEnginesRequest, RecognizeRequest, StreamingRecognizeRequest
from voicemesh.common.v1 import audio_pb2, speech_pb2
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.consent.v1 import consent_pb2, consent_service_pb2
from voicemesh.crm.v1 import crm_pb2, crm_service_pb2
from voicemesh.dialogue.v1 import dialogue_pb2, turn_taking_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest
from voicemesh.events.v1.call_events_pb2 import CallStarted
from voicemesh.nlu.v1 import nlu_pb2
from voicemesh.nlu.v1.nlu_service_pb2 import ParseTextRequest, StreamingParseRequest
from voicemesh.tts.v1.tts_service_pb2 import ListVoicesRequest

from mesh.errors import MeshError, name_of
from mesh.validation import validate

CONTEXT = RequestContext(tenant_id="t", region="local", correlation_id="c", language="en-US")
FORMAT = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000)
DAY = 86_400


def refused(message: Message) -> tuple[str, str]:
    """Give the path and the rule of what is wrong with it."""
    with pytest.raises(MeshError) as caught:
        validate(message)
    assert name_of(caught.value.reason) == "INVALID_REQUEST"
    metadata = caught.value.metadata
    assert caught.value.message.startswith(f"{metadata['field']}: ")
    return metadata["field"], metadata["rule"]


def recognition(**more: Any) -> StreamingRecognizeRequest:
    config = asr_pb2.RecognitionConfig(context=CONTEXT, audio_format=FORMAT, **more)
    return StreamingRecognizeRequest(config=config)


def endpointing(**more: Duration) -> StreamingRecognizeRequest:
    return recognition(endpointing=asr_pb2.Endpointing(**more))


def start(**more: Any) -> ConverseRequest:
    direction = dialogue_pb2.DIRECTION_INBOUND
    return ConverseRequest(
        start=dialogue_pb2.StartSession(context=CONTEXT, domain="clinic", direction=direction, **more)
    )


def parse(**more: Any) -> StreamingParseRequest:
    return StreamingParseRequest(config=nlu_pb2.ParseConfig(context=CONTEXT, domain="clinic", **more))


def fact(**more: Any) -> crm_service_pb2.CallSessionRequest:
    return crm_service_pb2.CallSessionRequest(fact=crm_pb2.CallFact(**more))


def upsert(**more: Any) -> crm_service_pb2.UpsertContactRequest:
    return crm_service_pb2.UpsertContactRequest(context=CONTEXT, contact=crm_pb2.Contact(**more))


def asked(**more: Any) -> consent_service_pb2.MonitorRequest:
    check = consent_service_pb2.ConsentCheck(
        check_id="a",
        subject=consent_pb2.Subject(customer_id="c"),
        channel=consent_pb2.CHANNEL_VOICE,
        purpose=consent_pb2.PURPOSE_SERVICE,
        **more,
    )
    return consent_service_pb2.MonitorRequest(check=check)


def played(**duration: int) -> ConverseRequest:
    return ConverseRequest(playback=dialogue_pb2.PlaybackProgress(turn_id="a1", played=Duration(**duration)))


def word(**more: Any) -> StreamingParseRequest:
    words = [audio_pb2.Word(text="fine"), audio_pb2.Word(text="not", **more)]
    return StreamingParseRequest(hypothesis=nlu_pb2.Hypothesis(id="1", words=words))


LONG = "x" * 20_000

LISTS_AND_MAPS = [
    (recognition(phrases=["kettle", "x" * 201]), "config.phrases[1]", "max_size"),
    (recognition(phrases=["kettle", ""]), "config.phrases[1]", "min_size"),
    (recognition(phrases=["kettle", "\0"]), "config.phrases[1]", "text"),
    (recognition(phrases=["x"] * 501), "config.phrases", "max_size"),
    (
        RecognizeRequest(context=CONTEXT, audio_format=FORMAT, audio=b"ab", phrases=["x" * 201]),
        "phrases[0]",
        "max_size",
    ),
    (parse(expectation=nlu_pb2.Expectation(intents=["x" * 129])), "config.expectation.intents[0]", "max_size"),
    (parse(expectation=nlu_pb2.Expectation(entity_types=["a", ""])), "config.expectation.entity_types[1]", "min_size"),
    (start(labels={"plan": "x" * 513}), 'start.labels["plan"]', "max_size"),
    (start(labels={"plan": "a\0"}), 'start.labels["plan"]', "text"),
    (start(labels={"k" * 65: "a"}), f'start.labels["{"k" * 40}"]', "max_size"),
    (start(labels={"": "a"}), 'start.labels[""]', "min_size"),
    (start(labels={"\0": "a"}), 'start.labels["\0"]', "text"),
    (start(labels={str(index): "a" for index in range(33)}), "start.labels", "max_size"),
    (CallStarted(labels={"plan": "a\0"}), 'labels["plan"]', "text"),
    (upsert(phones=["+15550123456", "0123"]), "contact.phones[1]", "pattern"),
    (upsert(phones=[""]), "contact.phones[0]", "min_size"),
    (upsert(emails=["a@example.com", "nobody"]), "contact.emails[1]", "pattern"),
    (upsert(emails=[f"{'a' * 320}@example.com"]), "contact.emails[0]", "max_size"),
]

TEXTS_AND_NUMBERS = [
    (ConverseRequest(), "request", "required"),
    (ConverseRequest(update=dialogue_pb2.UpdateSession(language="e n")), "update.language", "pattern"),
    (ListVoicesRequest(language="english!"), "language", "pattern"),
    (ListEnginesRequest(context=RequestContext(tenant_id="t")), "context.region", "required"),
    (upsert(language="e n"), "contact.language", "pattern"),
    (upsert(contact_id=LONG), "contact.contact_id", "max_size"),
    (fact(slot=speech_pb2.Slot(name="n" * 129)), "fact.slot.name", "max_size"),
    (fact(slot=speech_pb2.Slot(value=LONG)), "fact.slot.value", "max_size"),
    (fact(slot=speech_pb2.Slot(raw=LONG)), "fact.slot.raw", "max_size"),
    (fact(slot=speech_pb2.Slot(type="t" * 65)), "fact.slot.type", "max_size"),
    (fact(slot=speech_pb2.Slot(confidence=1.5)), "fact.slot.confidence", "range"),
    (fact(slot=speech_pb2.Slot(confidence=math.nan)), "fact.slot.confidence", "range"),
    (fact(sentiment=speech_pb2.Sentiment(confidence=-1)), "fact.sentiment.confidence", "range"),
    (fact(identified=crm_pb2.ContactKey(phone="")), "fact.identified.phone", "required"),
    (fact(identified=crm_pb2.ContactKey()), "fact.identified.key", "required"),
    (word(speaker="s" * 65), "hypothesis.words[1].speaker", "max_size"),
]

TIMES = [
    (endpointing(speculate_after=Duration(seconds=-1)), "config.endpointing.speculate_after", "range"),
    (endpointing(speculate_after=Duration()), "config.endpointing.speculate_after", "range"),
    (endpointing(silence=Duration(seconds=61)), "config.endpointing.silence", "range"),
    (endpointing(silence=Duration(nanos=1_000_000_000)), "config.endpointing.silence", "nanos"),
    (endpointing(max_utterance=Duration(seconds=3_600)), "config.endpointing.max_utterance", "range"),
    (recognition(silence_timeout=Duration(seconds=8 * DAY)), "config.silence_timeout", "range"),
    (
        StreamingRecognizeRequest(finalize=asr_pb2.Finalize(pause=Duration(nanos=-1))),
        "finalize.pause",
        "range",
    ),
    (played(seconds=-1), "playback.played", "range"),
    (played(seconds=1, nanos=-1), "playback.played", "nanos"),
    (played(seconds=1 << 60), "playback.played", "range"),
    (
        start(turn_taking=turn_taking_pb2.TurnTaking(longest_pause=Duration(seconds=-2))),
        "start.turn_taking.longest_pause",
        "range",
    ),
    (
        ConverseRequest(
            update=dialogue_pb2.UpdateSession(turn_taking=turn_taking_pb2.TurnTaking(longest_pause=Duration()))
        ),
        "update.turn_taking.longest_pause",
        "range",
    ),
    (word(start=Duration(seconds=-1)), "hypothesis.words[1].start", "range"),
    (word(end=Duration(seconds=1, nanos=-5)), "hypothesis.words[1].end", "nanos"),
    (asked(audio_offset=Duration(seconds=-1)), "check.audio_offset", "range"),
    (
        fact(intent=speech_pb2.IntentCandidate(name="x"), audio_offset=Duration(nanos=-1)),
        "fact.audio_offset",
        "range",
    ),
    (parse(reference_time=Timestamp(seconds=-1)), "config.reference_time", "range"),
    (parse(reference_time=Timestamp(nanos=-1)), "config.reference_time", "nanos"),
    (
        ParseTextRequest(context=CONTEXT, domain="d", text="t", reference_time=Timestamp(seconds=1 << 60)),
        "reference_time",
        "range",
    ),
    (
        consent_pb2.Evidence(source="call", captured_at=Timestamp(nanos=1_000_000_000)),
        "captured_at",
        "nanos",
    ),
    (consent_pb2.Evidence(source="call", captured_at=Timestamp(seconds=253_402_300_800)), "captured_at", "range"),
]


@pytest.mark.parametrize(("message", "path", "rule"), LISTS_AND_MAPS + TEXTS_AND_NUMBERS + TIMES)
def test_what_breaks_a_rule_is_refused_by_its_path(message: Message, path: str, rule: str) -> None:
    assert refused(message) == (path, rule)


@pytest.mark.parametrize(
    "message",
    [
        recognition(phrases=["kettle"] * 500, silence_timeout=Duration(seconds=7 * DAY)),
        endpointing(speculate_after=Duration(nanos=100_000_000), silence=Duration(seconds=60)),
        StreamingRecognizeRequest(finalize=asr_pb2.Finalize(pause=Duration(), silence=Duration())),
        StreamingRecognizeRequest(audio=asr_pb2.AudioFrame(data=bytes(65_536))),
        StreamingRecognizeRequest(end=asr_pb2.EndOfAudio()),
        start(labels={"plan": "", "k" * 64: "x" * 512}),
        played(),
        played(seconds=DAY),
        ConverseRequest(update=dialogue_pb2.UpdateSession(language="de-CH")),
        ConverseRequest(update=dialogue_pb2.UpdateSession()),
        upsert(phones=["+15550123456"], emails=["a@example.com"], language=""),
        parse(reference_time=Timestamp()),
        parse(reference_time=Timestamp(seconds=221_876_927_999)),
        consent_pb2.Evidence(source="call", captured_at=Timestamp(seconds=-62_135_596_800)),
        ListEnginesRequest(),
        ListEnginesRequest(context=CONTEXT),
        ListVoicesRequest(context=CONTEXT, language="en"),
    ],
)
def test_what_keeps_to_the_rules_passes(message: Message) -> None:
    validate(message)


def broken(message: Message) -> str | None:
    """Give the path of what is wrong with it; None for nothing."""
    try:
        validate(message)
    except MeshError as error:
        return error.metadata["field"]
    return None


SECONDS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-(1 << 40), 1 << 40) | st.integers(-2, 2)
NANOS = st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-2, 2)


@given(SECONDS, NANOS)
def test_a_duration_passes_that_can_be_read_and_is_not_negative(seconds: int, nanos: int) -> None:
    message = crm_pb2.CallFact(
        intent=speech_pb2.IntentCandidate(name="x"), audio_offset=Duration(seconds=seconds, nanos=nanos)
    )
    try:
        negative = message.audio_offset.ToJsonString().startswith("-")
    except ValueError:
        negative = True
    assert broken(message) == ("audio_offset" if negative else None)


@given(SECONDS, NANOS)
def test_a_timestamp_passes_that_can_be_read(seconds: int, nanos: int) -> None:
    message = consent_pb2.Evidence(source="call", captured_at=Timestamp(seconds=seconds, nanos=nanos))
    try:
        message.captured_at.ToDatetime()
    except (ValueError, OverflowError):
        assert broken(message) == "captured_at"
    else:
        assert broken(message) is None
