"""A draft's states, what may follow on each, and what a person may change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.review.escrow import Doubt, Escrow
from services.crm_gateway.review.model import (
    MOVES,
    Change,
    Decision,
    Draft,
    FieldRefusedError,
    VersionConflictError,
    WrongStateError,
    as_written,
    changed,
    check_version,
    corrected,
    followed,
    moved,
    reviewed,
)
from services.crm_gateway.review.values import ValueRefusedError, normal, type_of

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ANA = Decision("ana", AT + timedelta(hours=3), note="heard it")
TYPES = {"service": "text", "date": "date", "day": "date", "time": "time", "phone": "phone"}
ESCROW = Escrow(
    doubts=(Doubt("day", "2026-11-26", 0.3, 0.5),),
    types=TYPES,
    same={"date": "day"},
    titles=("{service} on {date} at {time}", "{service} on {date}", "{service}", "Appointment"),
)


def a_draft(state: RecordState = RecordState.DRAFT) -> Draft:
    record = NewRecord(
        event_id="e1",
        scope=Scope("clinic", "eu", "corr-1", "en-US", "s1"),
        customer=Customer(phone="+15550000001"),
        kind="appointment",
        state=state,
        title="cleaning on 2026-11-26",
        open=True,
        occurred_at=AT,
        fields={"service": "cleaning", "date": "2026-11-26", "day": "2026-11-26"},
        escrow=ESCROW,
    )
    return Draft(7, "local", record, 1, "c1", AT, AT + timedelta(days=1), AT)


@pytest.mark.parametrize("old", RecordState)
@pytest.mark.parametrize("new", RecordState)
def test_only_what_the_figure_shows_may_follow(old: RecordState, new: RecordState) -> None:
    draft = a_draft(old)
    if new in MOVES[old]:
        after, step = moved(draft, new, ANA)
        assert (after.state, after.version, step.old_state, step.new_state) == (new, 2, old, new)
        return
    with pytest.raises(WrongStateError, match=f"draft 7 is {old} and cannot become {new}: ") as refused:
        moved(draft, new, ANA)
    assert refused.value.state is old


def test_who_said_yes_is_kept_when_the_business_system_has_it() -> None:
    yes, step = reviewed(a_draft(), ANA)
    assert (yes.reviewed_by, yes.decided_at, step.by, step.note) == ("ana", ANA.at, "ana", "heard it")
    done, last = moved(yes, RecordState.APPLIED, Decision("simulator", AT + timedelta(hours=9)))
    assert (done.reviewed_by, done.decided_at, last.by) == ("ana", ANA.at, "simulator")
    assert done.age(AT + timedelta(days=30)) == timedelta(hours=3), "it waits no more"
    assert a_draft().age(AT + timedelta(hours=5)) == timedelta(hours=5)


def test_a_version_that_is_not_the_present_one_is_refused() -> None:
    check_version(a_draft(), 0)
    check_version(a_draft(), 1)
    with pytest.raises(VersionConflictError, match="look at it again") as refused:
        check_version(a_draft(), 2)
    assert refused.value.version == 1


def test_values_change_with_what_repeats_them_and_the_title_follows() -> None:
    after, step = reviewed(a_draft(), ANA, {"date": " 2026-11-27 ", "time": "10:30:00"})
    assert after.record.fields == {
        "service": "cleaning",
        "date": "2026-11-27",
        "day": "2026-11-27",
        "time": "10:30",
    }
    assert after.record.title == "cleaning on 2026-11-27 at 10:30"
    assert step.changes == (
        Change("date", "2026-11-26", "2026-11-27"),
        Change("day", "2026-11-26", "2026-11-27"),
        Change("time", "", "10:30"),
    )


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"day": "2026-11-28"}, {"service": "cleaning", "date": "2026-11-28", "day": "2026-11-28"}),
        (
            {"day": "2026-11-28", "date": "2026-11-29"},
            {"service": "cleaning", "date": "2026-11-29", "day": "2026-11-28"},
        ),
        ({"service": ""}, {"date": "2026-11-26", "day": "2026-11-26"}),
        ({"date": ""}, {"service": "cleaning"}),
        ({}, {"service": "cleaning", "date": "2026-11-26", "day": "2026-11-26"}),
    ],
)
def test_what_is_left_of_the_fields(values: dict[str, str], fields: dict[str, str]) -> None:
    assert changed(a_draft().record, values)[0].fields == fields


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"colour": "red"}, "no such field; it has date, day, phone, service, time"),
        ({"date": "soon"}, "date must be a day such as 2026-11-26"),
        ({"service": "x" * 10_001}, "at most 10000 characters"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused(values: dict[str, str], complaint: str) -> None:
    with pytest.raises(FieldRefusedError, match=complaint) as refused:
        changed(a_draft().record, values)
    assert refused.value.field in values


def test_a_business_system_gets_what_was_said_yes_to_and_no_doubts() -> None:
    yes, _ = reviewed(a_draft(), ANA)
    written = as_written(yes.record)
    assert (written.state, written.escrow, written.reviewed) == (RecordState.APPLIED, None, True)
    assert written.record_id == a_draft().record.record_id


def test_what_is_applied_is_put_right_and_keeps_its_state() -> None:
    after, step = corrected(a_draft(RecordState.APPLIED), ANA, {"date": "2026-11-27"})
    assert (after.state, after.version, step.old_state, step.new_state) == (
        RecordState.APPLIED,
        2,
        RecordState.APPLIED,
        RecordState.APPLIED,
    )
    with pytest.raises(FieldRefusedError, match="says so already"):
        corrected(after, ANA, {"date": "2026-11-27"})
    with pytest.raises(WrongStateError):
        corrected(a_draft(RecordState.REJECTED), ANA, {"date": "2026-11-27"})


def test_the_other_business_systems_drafts_follow_where_they_had_it_wrong() -> None:
    draft = a_draft(RecordState.APPLIED)
    right = corrected(draft, ANA, {"date": "2026-11-27"})[0].record
    follows = followed(draft, draft.record, right, ANA)
    assert follows is not None
    assert (follows[0].record.fields, follows[0].version) == (right.fields, 2)
    elsewhere = replace(draft, record=replace(draft.record, title="Visit", fields={"date": "2026-12-01"}))
    assert followed(elsewhere, draft.record, right, ANA) is None


@pytest.mark.parametrize(
    ("kind", "given", "normal_form"),
    [
        ("date", "2026-11-26", "2026-11-26"),
        ("date", "20261126", "2026-11-26"),
        ("time", "10:00:30", "10:00:30"),
        ("time_zone", "America/New_York", "America/New_York"),
        ("phone", "+1 555 010 0199", "+15550100199"),
        ("email", " sarah@example.com ", "sarah@example.com"),
        ("order_number", "A4512", "A4512"),
    ],
)
def test_values_have_one_normal_form(kind: str, given: str, normal_form: str) -> None:
    assert normal(kind, given) == normal_form


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("date", "2026-02-30"),
        ("time", "25:00"),
        ("time", "10:00+02:00"),
        ("time_zone", "Mars/Base"),
        ("phone", "555"),
        ("email", "nobody"),
        ("text", "a\x00b"),
    ],
)
def test_what_is_no_such_thing_is_refused(kind: str, given: str) -> None:
    with pytest.raises(ValueRefusedError, match="must be"):
        normal(kind, given)


@given(kind=st.sampled_from(["date", "time", "time_zone", "phone", "email", "text"]), given_=st.text(max_size=40))
def test_a_normal_form_is_its_own_normal_form(kind: str, given_: str) -> None:
    try:
        once = normal(kind, given_)
    except ValueRefusedError:
        return
    assert normal(kind, once) == once


def test_a_fields_type_is_that_of_its_slot_else_of_its_name() -> None:
    assert (type_of("day", "date"), type_of("date", ""), type_of("note", "person_name")) == ("date", "date", "text")
