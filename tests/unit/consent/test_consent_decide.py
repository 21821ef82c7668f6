"""The decision of the consent service, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.consent.model import (
    Channel,
    Check,
    ConsentRecord,
    Evidence,
    Outcome,
    Purpose,
    Reason,
    Scope,
    State,
    Subject,
    Suppression,
    decide,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SCOPE = Scope("acme", "eu", "c-1", "en-US")
SARAH = Subject(phone="+15550123456", customer_id="C-42")
PHONE_ONLY = Subject(phone="+15550123456")
ID_ONLY = Subject(customer_id="C-42")
OTHER_PHONE = Subject(phone="+15550999999", customer_id="C-42")
OTHER_OWNER = Subject(phone="+15550123456", customer_id="C-77")
STRANGER = Subject(phone="+15550777777", customer_id="C-13")
FRESH = timedelta(seconds=60)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def record(state: State = State.GRANTED, minutes: float = 10, **changes: object) -> ConsentRecord:
    base = ConsentRecord(
        record_id=f"{state}-{minutes:g}",
        sequence=int(10_000 - minutes),
        scope=SCOPE,
        subject=SARAH,
        channel=Channel.VOICE,
        purpose=Purpose.MARKETING,
        state=state,
        evidence=Evidence("web form"),
        recorded_at=ago(minutes),
    )
    return replace(base, **changes)


def suppression(**changes: object) -> Suppression:
    base = Suppression("s-1", 1, SCOPE, SARAH, None, "asked", ago(5))
    return replace(base, **changes)


def check(**changes: object) -> Check:
    return replace(Check(SARAH, Channel.VOICE, Purpose.MARKETING), **changes)


GRANTED, REFUSED, REVOKED = State.GRANTED, State.REFUSED, State.REVOKED
YES, NO, UNKNOWN = Outcome.ALLOWED, Outcome.DENIED, Outcome.UNKNOWN
CALLED = check(purpose=Purpose.SERVICE, caller_initiated=True)

CASES = {
    "nothing known": ([], [], check(), UNKNOWN, Reason.NO_RECORD),
    "a yes": ([record()], [], check(), YES, Reason.GRANTED),
    "a refusal": ([record(REFUSED)], [], check(), NO, Reason.REFUSED),
    "a revocation": ([record(REVOKED)], [], check(), NO, Reason.REVOKED),
    "yes, then revoked": ([record(minutes=9), record(REVOKED, 8)], [], check(), NO, Reason.REVOKED),
    "refused, then yes": ([record(REFUSED, 9), record(minutes=8)], [], check(), YES, Reason.GRANTED),
    "the order of the list means nothing": (
        [record(REVOKED, 8), record(minutes=9)], [], check(), NO, Reason.REVOKED,
    ),
    "an old yes imported after a revocation": (
        [record(REVOKED, 9), record(minutes=1, evidence=Evidence("import", captured_at=ago(9_999)))],
        [], check(), NO, Reason.REVOKED,
    ),
    "a yes said to be of the future counts from when it was written": (
        [record(minutes=9, evidence=Evidence("x", captured_at=ago(-99_999))), record(REVOKED, 8)],
        [], check(), NO, Reason.REVOKED,
    ),
    "a no whose evidence is older than the yes": (
        [record(minutes=9), record(REVOKED, 8, evidence=Evidence("letter", captured_at=ago(99)))],
        [], check(), NO, Reason.REVOKED,
    ),
    "yes and no at the same moment": ([record(minutes=9), record(REVOKED, 9)], [], check(), NO, Reason.REVOKED),
    "a yes whose time is over": ([record(expires_at=ago(0))], [], check(), UNKNOWN, Reason.EXPIRED),
    "an expired yes does not revive an older one": (
        [record(minutes=99), record(expires_at=ago(1))], [], check(), UNKNOWN, Reason.EXPIRED,
    ),
    "an expired no does not revive an older yes": (
        [record(minutes=99), record(REVOKED, expires_at=ago(1))], [], check(), UNKNOWN, Reason.EXPIRED,
    ),
    "a yes for another channel": ([record(channel=Channel.SMS)], [], check(), UNKNOWN, Reason.NO_RECORD),
    "a yes for another purpose": ([record(purpose=Purpose.SERVICE)], [], check(), UNKNOWN, Reason.NO_RECORD),
    "someone else's yes": ([record(subject=STRANGER)], [], check(), UNKNOWN, Reason.NO_RECORD),
    "suppressed": ([record()], [suppression()], check(), NO, Reason.SUPPRESSED),
    "suppressed without a record": ([], [suppression()], check(), NO, Reason.SUPPRESSED),
    "suppressed before the yes": (
        [record(minutes=1)], [suppression(recorded_at=ago(9_999))], check(), NO, Reason.SUPPRESSED,
    ),
    "suppressed on this channel": ([record()], [suppression(channel=Channel.VOICE)], check(), NO, Reason.SUPPRESSED),
    "suppressed on another channel": ([record()], [suppression(channel=Channel.SMS)], check(), YES, Reason.GRANTED),
    "a suppression that is over": ([record()], [suppression(expires_at=ago(0))], check(), YES, Reason.GRANTED),
    "someone else suppressed": ([record()], [suppression(subject=STRANGER)], check(), YES, Reason.GRANTED),
    "a yes of the number alone": ([record(subject=PHONE_ONLY)], [], check(), YES, Reason.GRANTED),
    "a yes of the customer alone": ([record(subject=ID_ONLY)], [], check(), YES, Reason.GRANTED),
    "a yes for another number of the customer": (
        [record(subject=OTHER_PHONE)], [], check(), UNKNOWN, Reason.NO_RECORD,
    ),
    "a yes of the number's earlier owner": (
        [record(subject=OTHER_OWNER)], [], check(), UNKNOWN, Reason.NO_RECORD,
    ),
    "a no for another number of the customer": (
        [record(minutes=9), record(REVOKED, 8, subject=OTHER_PHONE)], [], check(), NO, Reason.REVOKED,
    ),
    "suppressed by the name the check leaves out": (
        [record()], [suppression(subject=ID_ONLY)], check(subject=PHONE_ONLY), NO, Reason.SUPPRESSED,
    ),
    "revoked by the name the check leaves out": (
        [record(minutes=9), record(REVOKED, 8, subject=ID_ONLY)], [], check(subject=PHONE_ONLY), NO, Reason.REVOKED,
    ),
    "the caller is served": ([], [], CALLED, YES, Reason.CALLER_INITIATED),
    "the caller is served after a revocation": (
        [record(REVOKED, purpose=Purpose.SERVICE)], [], CALLED, YES, Reason.CALLER_INITIATED,
    ),
    "someone suppressed who calls is served": ([], [suppression()], CALLED, YES, Reason.CALLER_INITIATED),
    "a call is no yes to marketing": (
        [], [], replace(CALLED, purpose=Purpose.MARKETING), UNKNOWN, Reason.NO_RECORD,
    ),
    "a call is no yes to recording": (
        [], [], replace(CALLED, purpose=Purpose.RECORDING), UNKNOWN, Reason.NO_RECORD,
    ),
    "a call is no yes to text messages": ([], [], replace(CALLED, channel=Channel.SMS), UNKNOWN, Reason.NO_RECORD),
    "someone suppressed who calls is not sold to": (
        [record()], [suppression()], replace(CALLED, purpose=Purpose.MARKETING), NO, Reason.SUPPRESSED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decisions(case: tuple[list[ConsentRecord], list[Suppression], Check, Outcome, Reason]) -> None:
    records, suppressions, question, outcome, reason = case
    decision = decide(records, suppressions, question, NOW)
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert decision.decided_at == NOW


def test_a_decision_names_what_it_rests_on() -> None:
    assert decide([record(minutes=9)], [], check(), NOW).record_id == "granted-9"
    assert decide([record()], [suppression()], check(), NOW).record_id == "s-1"
    assert decide([], [], check(), NOW).record_id == ""


@pytest.mark.parametrize(
    ("records", "suppressions", "valid_s"),
    [
        ([], [], 60),
        ([record()], [], 60),
        ([record(expires_at=NOW + timedelta(seconds=20))], [], 20),
        ([record(expires_at=NOW + timedelta(days=20))], [], 60),
        ([], [suppression(expires_at=NOW + timedelta(seconds=5))], 5),
    ],
)
def test_a_decision_is_never_good_for_longer_than_what_it_rests_on(
    records: list[ConsentRecord], suppressions: list[Suppression], valid_s: float
) -> None:
    decision = decide(records, suppressions, check(), NOW, freshness=FRESH)
    assert decision.valid_until == NOW + timedelta(seconds=valid_s)


def test_a_stale_yes_allows_nothing() -> None:
    decision = decide([record()], [], check(), NOW, freshness=FRESH)
    assert decision.allows(NOW)
    assert decision.allows(NOW + FRESH - timedelta(microseconds=1))
    assert not decision.allows(NOW + FRESH)


def test_a_subject_needs_a_name() -> None:
    with pytest.raises(ValueError, match="phone, a customer_id, or both"):
        Subject()
