"""A caller's recording goes in over gRPC; words, meaning, voice, events, records and one trace come out."""

import wave

import pytest

SIX = {"asr", "nlu", "tts", "dialogue", "crm", "crm-sync", "consent"}


def test_the_clinic_understands_every_turn(calls):
    turns = calls["clinic"].report.turns
    assert [turn.intent for turn in turns] == ["book_appointment", "inform", "correct", "affirm", turns[-1].intent]
    assert turns[-1].intent in {"goodbye", "deny"}
    assert "cleaning" in turns[0].text
    assert turns[0].heard[-1].words, "a final transcript has its words"


def test_the_clinic_books_what_was_asked_and_corrected(calls):
    call = calls["clinic"]
    slots = {slot.name: slot.value for slot in call.report.disposition.slots}
    assert call.report.disposition.code == "appointment_booked"
    assert slots["service"] == "cleaning"
    assert slots["name"] == "Sarah Miller"
    fields = dict(call.records["appointment"].fields)
    assert (fields["service"], fields["time"]) == ("cleaning", "10:00")
    corrected = next(e for e in call.report.turns[2].understood[-1].entities if e.type == "date")
    assert fields["date"] == corrected.value, "the correction won"


def test_the_shop_logs_the_complaint(calls):
    call = calls["shop"]
    assert call.report.turns[0].intent == "file_complaint"
    assert call.report.disposition.code == "complaint_logged"
    fields = dict(call.records["complaint"].fields)
    assert fields["order_number"] == "B7312"
    assert fields["category"] == "damaged_item"
    assert "tablet" in fields["description"]


@pytest.mark.parametrize("domain", ["clinic", "shop"])
def test_every_call_leaves_exactly_one_outcome(calls, domain):
    events = calls[domain].events
    completed = [event for event in events if event.type == "CallCompleted"]
    assert len(completed) == 1
    assert calls[domain].records["interaction"].session_id == calls[domain].report.session_id


@pytest.mark.parametrize("domain", ["clinic", "shop"])
def test_one_connected_trace_holds_spans_of_all_services(calls, domain):
    trace = calls[domain].trace
    assert trace.services >= SIX
    # The only parent that is not in the trace is the caller's own span, which the test never sent.
    assert len({span.parent_id for span in trace.tops}) == 1


@pytest.mark.parametrize("domain", ["clinic", "shop"])
def test_every_answer_was_heard_and_timed(calls, domain):
    for turn in calls[domain].report.turns:
        assert turn.first_audio_s is not None
        assert turn.latency is not None
        assert turn.latency.total > 0


@pytest.mark.parametrize("domain", ["clinic", "shop"])
def test_the_call_is_written_as_two_channels(calls, domain):
    paths = sorted((calls[domain].folder).glob("*.wav"))
    channels = []
    for path in paths:
        with wave.open(str(path)) as recording:
            channels.append(recording.getnchannels())
            assert recording.getnframes() > recording.getframerate() * 10
    assert sorted(channels) == [1, 2]
