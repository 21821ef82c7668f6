"""What holds of every decision, whatever is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

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

# Few values, so that people and times meet often.
moments = st.integers(-100, 100).map(lambda minutes: NOW + timedelta(minutes=minutes))
pasts = st.integers(-100, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
subjects = st.tuples(
    st.sampled_from(["", "+15550123456", "+15550999999"]), st.sampled_from(["", "C-1", "C-2"])
).filter(any).map(lambda names: Subject(*names))  # fmt: skip
channels, purposes = st.sampled_from(Channel), st.sampled_from(Purpose)
freshnesses = st.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def records(draw: st.DrawFn) -> ConsentRecord:
    return ConsentRecord(
        record_id=draw(st.uuids()).hex,
        sequence=draw(st.integers(1, 1000)),
        scope=SCOPE,
        subject=draw(subjects),
        channel=draw(channels),
        purpose=draw(purposes),
        state=draw(st.sampled_from(State)),
        evidence=Evidence("x", captured_at=draw(st.none() | moments)),
        recorded_at=draw(pasts),
        expires_at=draw(st.none() | moments),
    )


suppressions = st.builds(
    Suppression,
    st.uuids().map(str),
    st.integers(1, 1000),
    st.just(SCOPE),
    subjects,
    st.none() | channels,
    st.just("asked"),
    pasts,
    st.none() | moments,
)
checks = st.builds(Check, subjects, channels, purposes, st.booleans())
histories, lists = st.lists(records(), max_size=12), st.lists(suppressions, max_size=4)


@given(histories, lists, checks, freshnesses)
def test_a_yes_rests_on_a_yes(
    known: list[ConsentRecord], suppressed: list[Suppression], check: Check, freshness: timedelta
) -> None:
    decision = decide(known, suppressed, check, NOW, freshness=freshness)
    if decision.outcome is not Outcome.ALLOWED:
        return
    if decision.reason is Reason.CALLER_INITIATED:
        assert (check.caller_initiated, check.purpose, check.channel) == (True, Purpose.SERVICE, Channel.VOICE)
        return
    grant = next(record for record in known if record.record_id == decision.record_id)
    assert grant.state is State.GRANTED
    assert (grant.channel, grant.purpose) == (check.channel, check.purpose)
    assert grant.subject.keys & check.subject.keys
    assert grant.expires_at is None or grant.expires_at > NOW


@given(histories, lists, checks, freshnesses)
def test_no_answer_outlives_its_freshness(
    known: list[ConsentRecord], suppressed: list[Suppression], check: Check, freshness: timedelta
) -> None:
    decision = decide(known, suppressed, check, NOW, freshness=freshness)
    assert NOW < decision.valid_until <= NOW + freshness
    assert not decision.allows(decision.valid_until)
    assert decision.allows(NOW) == (decision.outcome is Outcome.ALLOWED)


@given(histories, lists, checks, suppressions)
def test_suppression_beats_everything_but_serving_one_who_calls(
    known: list[ConsentRecord], suppressed: list[Suppression], check: Check, one: Suppression
) -> None:
    one = replace(one, subject=check.subject, channel=None, expires_at=None)
    decision = decide(known, [*suppressed, one], check, NOW)
    if decision.reason is not Reason.CALLER_INITIATED:
        assert (decision.outcome, decision.reason) == (Outcome.DENIED, Reason.SUPPRESSED)


@given(histories, lists, checks)
def test_calling_us_is_never_a_yes_to_marketing_or_recording(
    known: list[ConsentRecord], suppressed: list[Suppression], check: Check
) -> None:
    if check.purpose is Purpose.SERVICE:
        check = replace(check, purpose=Purpose.MARKETING)
    called = decide(known, suppressed, replace(check, caller_initiated=True), NOW)
    assert called == decide(known, suppressed, replace(check, caller_initiated=False), NOW)


@given(histories, checks, st.sampled_from([State.REFUSED, State.REVOKED]))
def test_a_later_no_wins_over_all_that_was_said_before(known: list[ConsentRecord], check: Check, state: State) -> None:
    check = replace(check, caller_initiated=False)
    last = ConsentRecord("last", 0, SCOPE, check.subject, check.channel, check.purpose, state, Evidence("call"), NOW)
    decision = decide([last, *known], [], check, NOW)
    if decision.record_id != "last":  # another no of the same moment
        assert decision.outcome is not Outcome.ALLOWED
    else:
        assert decision.outcome is Outcome.DENIED


@given(histories, lists, checks, st.randoms())
def test_the_order_in_which_the_store_answers_means_nothing(
    known: list[ConsentRecord], suppressed: list[Suppression], check: Check, random: object
) -> None:
    shuffled = list(known)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(known, suppressed, check, NOW).outcome == decide(shuffled, suppressed[::-1], check, NOW).outcome


@given(histories, lists, checks)
def test_more_noes_never_make_a_yes(known: list[ConsentRecord], suppressed: list[Suppression], check: Check) -> None:
    with_noes = decide(known, suppressed, check, NOW)
    without = decide([r for r in known if r.state is State.GRANTED], [], check, NOW)
    if with_noes.outcome is Outcome.ALLOWED:
        assert without.outcome is Outcome.ALLOWED
