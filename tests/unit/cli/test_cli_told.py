"""A call's outcome on the screen and in JSON."""

import json

import voicemesh_client as sdk
from voicemesh_cli.caller.told import outcome_document, outcome_lines

OUTCOME = sdk.CallOutcome(
    appointment=sdk.Appointment(
        state="requested", service="cleaning", date="2026-11-25", time="10:00", time_zone="UTC"
    ),
    next_step=sdk.NextStep(what="the visit", by="caller", due="2026-11-25T10:00"),
    commitments=(sdk.Commitment(by="caller", words="I'll call back", due="2026-11-21", turn_id="c2", at=4.0),),
    sentiments=(
        sdk.TurnSentiment(turn_id="c1", at=0.5, score=0.36),
        sdk.TurnSentiment(turn_id="c2", at=4.0, score=-0.5),
    ),
    wishes=("book_appointment", "ask_price"),
)


def test_what_was_agreed_is_shown_a_line_each() -> None:
    disposition = sdk.Disposition(code="appointment_booked", intents=("book_appointment",), outcome=OUTCOME)
    assert outcome_lines(disposition) == [
        ("also wanted", "ask_price"),
        ("appointment", "requested: cleaning 2026-11-25 10:00 UTC"),
        ("next step", "the visit (2026-11-25 10:00)"),
        ("caller promised", "I'll call back (2026-11-21)"),
        ("sentiment", "0.5 s +0.36  4.0 s -0.50"),
    ]


def test_nothing_is_shown_of_a_call_that_came_to_nothing() -> None:
    assert outcome_lines(sdk.Disposition(code="no_action")) == []
    assert outcome_lines(sdk.Disposition(code="no_action", outcome=sdk.CallOutcome())) == []


def test_the_document_has_every_part() -> None:
    document = json.loads(json.dumps(outcome_document(sdk.Disposition(code="x", outcome=OUTCOME))))
    assert document["commitments"] == [
        {"by": "caller", "words": "I'll call back", "due": "2026-11-21", "turn_id": "c2", "at": 4.0}
    ]
    assert document["appointment"]["service"] == "cleaning"
    assert outcome_document(sdk.Disposition(code="x")) is None
