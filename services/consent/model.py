"""The consent domain: what is known of a customer's will, and what follows from it.

Pure: no I/O, no clock of its own. The one decision of the service is `decide`.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


class Channel(enum.StrEnum):
    """How the customer is reached. The values are those of the events' `channel` fields."""

    VOICE = "voice"
    SMS = "sms"
    EMAIL = "email"


class Purpose(enum.StrEnum):
    """What the customer is reached for. The values are those of the events' `purpose` fields."""

    SERVICE = "service"
    MARKETING = "marketing"
    RECORDING = "recording"


class State(enum.StrEnum):
    """What a consent record says. The values are those of `ConsentWithdrawn.reason`."""

    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"


class Outcome(enum.StrEnum):
    """What was decided."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Reason(enum.StrEnum):
    """Why it was decided so."""

    GRANTED = "granted"
    CALLER_INITIATED = "caller_initiated"
    REVOKED = "revoked"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    NO_RECORD = "no_record"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf a request is made. Every row that is written carries all of it."""

    tenant_id: str
    region: str
    correlation_id: str
    language: str
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, by telephone number (E.164), by the business's customer id, or by both.

    Raises:
        ValueError: neither is given.
    """

    phone: str = ""
    customer_id: str = ""

    def __post_init__(self) -> None:
        if not self.phone and not self.customer_id:
            raise ValueError("a subject needs a phone, a customer_id, or both")

    @property
    def keys(self) -> frozenset[str]:
        """The names the person is known by; two subjects that share one may be the same person."""
        named = (("phone", self.phone), ("customer", self.customer_id))
        return frozenset(f"{kind}:{value}" for kind, value in named if value)

    def is_surely(self, other: "Subject") -> bool:
        """Whether both are the same person without doubt.

        They share a name and contradict each other in none: the same number with *another* customer id is a
        number that changed hands, and the same customer id with another number is a number nobody said yes to.
        """
        if not self.keys & other.keys:
            return False
        pairs = ((self.phone, other.phone), (self.customer_id, other.customer_id))
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a consent or its end. `captured_at` is aware; None when nobody noted the time."""

    source: str
    wording: str = ""
    reference: str = ""
    captured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One entry of the append-only history. All times are aware; `sequence` grows with every entry."""

    record_id: str
    sequence: int
    scope: Scope
    subject: Subject
    channel: Channel
    purpose: Purpose
    state: State
    evidence: Evidence
    recorded_at: datetime
    expires_at: datetime | None = None

    @property
    def counts_from(self) -> datetime:
        """Its place in the order of what the customer said: a yes when it was said, a no when it was written.

        So a yes of last year that is imported today doesn't undo a revocation in between, and a no whose
        evidence carries an old or wrong time still ends every yes that was written before it. Nothing is of
        later than when it was written down.
        """
        captured = self.evidence.captured_at
        if self.state is not State.GRANTED or captured is None:
            return self.recorded_at
        return min(captured, self.recorded_at)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Someone who must not be reached, whatever the consent records say. `channel` None: by no channel."""

    suppression_id: str
    sequence: int
    scope: Scope
    subject: Subject
    channel: Channel | None
    reason: str
    recorded_at: datetime
    expires_at: datetime | None = None

    def in_force(self, channel: Channel, now: datetime) -> bool:
        """Whether it forbids the channel at that moment."""
        return self.channel in {None, channel} and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Check:
    """The question: may this subject be reached by this channel for this purpose?

    `caller_initiated`: the customer called us, and the question is about that very call.
    """

    subject: Subject
    channel: Channel
    purpose: Purpose
    caller_initiated: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. From `valid_until` on it is stale and counts as unknown, which is a no."""

    outcome: Outcome
    reason: Reason
    record_id: str
    decided_at: datetime
    valid_until: datetime

    def allows(self, now: datetime) -> bool:
        """Whether the customer may be reached at that moment by this answer."""
        return self.outcome is Outcome.ALLOWED and now < self.valid_until


_OUTCOME_OF_STATE = {
    State.GRANTED: (Outcome.ALLOWED, Reason.GRANTED),
    State.REFUSED: (Outcome.DENIED, Reason.REFUSED),
    State.REVOKED: (Outcome.DENIED, Reason.REVOKED),
}


def aliases(records: Iterable[ConsentRecord], check: Check) -> frozenset[str]:
    """All names of the checked person: those asked for, and those on the records that are surely theirs.

    A customer who said yes as "+1555... and C-42" and is later suppressed as "C-42" alone is thereby also
    found when the check gives the number alone.
    """
    keys = set(check.subject.keys)
    for record in records:
        if record.subject.is_surely(check.subject):
            keys |= record.subject.keys
    return frozenset(keys)


def decide(
    records: Sequence[ConsentRecord],
    suppressions: Iterable[Suppression],
    check: Check,
    now: datetime,
    *,
    freshness: timedelta = timedelta(seconds=60),
) -> Decision:
    """Answers a check from everything known. `records` and `suppressions` may hold other people's too.

    The rules, the first that fits:

    1. The customer called us and the call is to serve them: allowed, for this call, by voice. That holds for
       someone on the suppression list too: suppression forbids *reaching* a person, and one who calls is not
       being reached. It never covers marketing or recording.
    2. A suppression in force for the channel: denied.
    3. The latest of the customer's records for this channel and purpose (`ConsentRecord.counts_from`): a yes
       allows, a refusal or a revocation denies, and one whose time is over says nothing (an older yes doesn't
       come back to life). Of two of the same moment the no counts.
    4. Nothing: unknown.

    A no is found by any name of the person; a yes counts only if it contradicts the check in no name
    (`Subject.is_surely`). The answer is good for `freshness`, and never beyond what it rests on.
    """
    if check.caller_initiated and check.purpose is Purpose.SERVICE and check.channel is Channel.VOICE:
        return Decision(Outcome.ALLOWED, Reason.CALLER_INITIATED, "", now, now + freshness)
    keys = aliases(records, check)
    for suppression in suppressions:
        if suppression.subject.keys & keys and suppression.in_force(check.channel, now):
            until = _earliest(now + freshness, suppression.expires_at)
            return Decision(Outcome.DENIED, Reason.SUPPRESSED, suppression.suppression_id, now, until)
    latest = max(_relevant(records, check, keys), key=_seniority, default=None)
    if latest is None:
        return Decision(Outcome.UNKNOWN, Reason.NO_RECORD, "", now, now + freshness)
    if latest.expires_at is not None and latest.expires_at <= now:
        return Decision(Outcome.UNKNOWN, Reason.EXPIRED, latest.record_id, now, now + freshness)
    outcome, reason = _OUTCOME_OF_STATE[latest.state]
    return Decision(outcome, reason, latest.record_id, now, _earliest(now + freshness, latest.expires_at))


def _relevant(records: Iterable[ConsentRecord], check: Check, keys: frozenset[str]) -> Iterable[ConsentRecord]:
    for record in records:
        if record.channel is not check.channel or record.purpose is not check.purpose:
            continue
        if record.state is State.GRANTED:
            if record.subject.is_surely(check.subject):
                yield record
        elif record.subject.keys & keys:
            yield record


def _seniority(record: ConsentRecord) -> tuple[datetime, bool, int]:
    return record.counts_from, record.state is not State.GRANTED, record.sequence


def _earliest(limit: datetime, other: datetime | None) -> datetime:
    return limit if other is None else min(limit, other)
