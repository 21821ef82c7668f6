"""What the demo makes of what it found; and what it shows."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from voicemesh.crm.v1.crm_pb2 import Record

import voicemesh_client as sdk
from voicemesh_cli.caller import CallReport, Moment, TurnReport
from voicemesh_cli.caller.report import AgentReport
from voicemesh_cli.demo.findings import Findings
from voicemesh_cli.demo.plan import PLANS
from voicemesh_cli.demo.published import PublishedEvent
from voicemesh_cli.demo.report import print_report
from voicemesh_cli.demo.screen import Screen
from voicemesh_cli.demo.stages import stage_line
from voicemesh_cli.telemetry import Span, Trace

LATENCY = sdk.TurnLatency(endpointing=0.4, transcription=0.1, understanding=0.1, policy=0.0, synthesis=0.2, total=0.8)
COMMON: dict[str, Any] = {"sequence": 0, "audio_offset": 1.0, "received_at": 1.0}
SAID = sdk.Transcript(**COMMON, turn_id="c1", text="Book a cleaning.", is_final=True, start=0.5, end=1.0)
MEANT = sdk.Understanding(
    **COMMON,
    turn_id="c1",
    intent="book_appointment",
    confidence=0.9,
    out_of_scope=False,
    slots=(sdk.Slot(name="service", value="cleaning"),),
)
SERVICES = ("client", "dialogue", "asr", "nlu", "tts", "crm_gateway", "consent")


def span(service: str, parent: str) -> Span:
    return Span("t", service, parent, service, f"{service}.work", 0, 1_000_000)


@pytest.fixture
def good(tmp_path: Path) -> Findings:
    """A run in which everything worked."""
    wav = tmp_path / "call.wav"
    wav.write_bytes(bytes(100))
    turn = TurnReport(0, "Book a cleaning.", 0.5, 1.0, heard=[SAID], understood=[MEANT])
    turn.replies.append(AgentReport("a1", "Gladly.", "c1", first_audio_s=1.6, duration_s=1.0, latency=LATENCY))
    call = CallReport(
        recording=Path("x.wav"),
        session_id="s",
        correlation_id="c",
        domain="clinic",
        language="en-US",
        greeting=[],
        turns=[turn],
        errors=[],
        disposition=sdk.Disposition(code="appointment_booked"),
        duration_s=3.0,
        files={"call": wav},
    )
    events = [
        PublishedEvent(name, f"voicemesh.{name}.local", name, 9) for name in ("AppointmentRequested", "CallCompleted")
    ]
    records = [Record(kind="appointment", title="Cleaning", fields={"date": "2026-11-24"}), Record(kind="interaction")]
    trace = Trace(tuple(span(name, "client" if name != "client" else "") for name in SERVICES))
    return Findings(PLANS["clinic"], call, events, records, trace, {"call": 3.0})


def failed(findings: Findings) -> list[str]:
    return [step.title for step in findings.steps() if not step.passed]


def test_when_all_is_there_every_step_passes(good: Findings) -> None:
    assert failed(good) == []
    assert good.document()["ok"] is True


def without_reply(findings: Findings) -> Findings:
    findings.call.turns[0].replies.clear()
    return findings


def without_words(findings: Findings) -> Findings:
    findings.call.turns[0].heard.clear()
    return findings


def without_intent(findings: Findings) -> Findings:
    findings.call.turns[0].understood.clear()
    return findings


def without_end(findings: Findings) -> Findings:
    findings.call.disposition = None
    return findings


def without_file(findings: Findings) -> Findings:
    findings.call.files["call"].write_bytes(bytes(44))
    return findings


def without_event(findings: Findings) -> Findings:
    return dataclasses.replace(findings, published=findings.published[1:])


def with_two_ends(findings: Findings) -> Findings:
    return dataclasses.replace(findings, published=[*findings.published, findings.published[-1]])


def without_record(findings: Findings) -> Findings:
    return dataclasses.replace(findings, records=findings.records[1:])


def without_interaction(findings: Findings) -> Findings:
    return dataclasses.replace(findings, records=findings.records[:1])


def without_consent_span(findings: Findings) -> Findings:
    return dataclasses.replace(findings, trace=Trace(findings.trace.spans[:-1]))


def with_a_loose_span(findings: Findings) -> Findings:
    return dataclasses.replace(findings, trace=Trace((*findings.trace.spans, span("other", "lost"))))


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (without_words, "speech was recognised"),
        (without_intent, "understood as book_appointment"),
        (without_reply, "answered by voice"),
        (without_end, "the call came to its end"),
        (without_file, "the call was recorded"),
        (without_event, "AppointmentRequested was published"),
        (with_two_ends, "CallCompleted was published once"),
        (without_record, "the database holds the appointment"),
        (without_interaction, "the database holds the interaction"),
        (without_consent_span, "spans of all six services"),
        (with_a_loose_span, "one connected trace"),
    ],
)
def test_what_is_missing_fails_its_step_alone(good: Findings, spoil: Any, step: str) -> None:
    spoiled = spoil(good)
    assert failed(spoiled) == [step]
    assert spoiled.document()["ok"] is False


def test_the_report_shows_events_records_spans_and_steps(good: Findings) -> None:
    console = Console(file=io.StringIO(), width=200)
    print_report(console, good)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in ("voicemesh.CallCompleted.local", "Cleaning", "date=2026-11-24", "consent.work", "✓", "call 3.0 s"):
        assert part in text


def test_the_stages_fill_the_bar_as_they_share_the_time() -> None:
    text = stage_line(LATENCY, width=16).plain
    assert text.startswith("800 ms ████████████████ ")
    assert "silence 400" in text
    assert "voice 200" in text


def test_the_screen_shows_words_meaning_reply_and_latency() -> None:
    console = Console(file=io.StringIO(), width=200)
    screen = Screen(console)
    partial = dataclasses.replace(SAID, text="Book a", is_final=False)
    with screen.shown():
        for what in (
            partial,
            SAID,
            MEANT,
            sdk.AgentTurn(**COMMON, turn_id="a1", in_reply_to="c1", text="Gladly."),
            sdk.AgentAudio(**COMMON, turn_id="a1", data=b"12", offset=0.0),
            sdk.AgentTurnEnded(**COMMON, turn_id="a1", duration=1.0, interrupted=False, latency=LATENCY),
            sdk.ErrorNotice(**COMMON, reason="ENGINE_FAILED", message="hm", metadata={}, retry_after_s=None),
            sdk.SessionEnded(
                **COMMON,
                disposition=sdk.Disposition(code="appointment_booked"),
                duration=3.0,
                caller_turns=1,
                agent_turns=1,
            ),
        ):
            screen.observe(Moment(65.04, what))
        screen.published(PublishedEvent("CallCompleted", "voicemesh.x", "0123-call-completed", 9))
    assert isinstance(console.file, io.StringIO)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert lines[0] == "1:05.0 ... Book a"
    assert lines[1] == "1:05.0 caller Book a cleaning."
    assert lines[2] == "book_appointment 90% service=cleaning"
    assert lines[3] == "1:05.0 agent Gladly."
    assert lines[4].startswith("800 ms")
    assert lines[5] == "ENGINE_FAILED: hm"
    assert lines[6] == "1:05.0 ended appointment_booked"
    assert "CallCompleted" in lines[7]
    assert len(lines) == 8
