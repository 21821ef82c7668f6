"""The review queue's domain: a draft is one write to one business system that waits for a person. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from services.crm_gateway.corrections.model import changed_fields, put_right
from services.crm_gateway.model import NewRecord, RecordState
from services.crm_gateway.review.escrow import TEXT
from services.crm_gateway.review.values import ValueRefusedError, normal
from services.crm_gateway.titles import title_of

MOVES: Mapping[RecordState, frozenset[RecordState]] = {
    RecordState.DRAFT: frozenset({RecordState.REVIEWED, RecordState.REJECTED}),
    RecordState.REVIEWED: frozenset({RecordState.APPLIED}),
    RecordState.APPLIED: frozenset(),
    RecordState.REJECTED: frozenset(),
}
"""What may follow on each state."""

_ADVICE = {
    RecordState.DRAFT: "confirm, override or reject it",
    RecordState.REVIEWED: "somebody said yes and it waits to be written, or could not be (`voicemesh crm dlq list`); "
    "override puts it right once it is applied",
    RecordState.APPLIED: "it is in the business system; override puts it right there",
    RecordState.REJECTED: "somebody turned it down; what is right can be written by hand in the business system",
}


@dataclass(frozen=True, slots=True)
class Content:
    """Where something that was said lies: what `voicemesh.common.v1.ContentReference` says."""

    uri: str
    sha256: str = ""
    media_type: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the words lie that a draft was made from; empty and None: not known, or not kept."""

    transcript_reference: str = ""
    transcript: Content | None = None
    audio: Content | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a person changed; empty: none was there, or it was taken out."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a draft."""

    version: int
    """The draft's version afterwards."""
    old_state: RecordState | None
    """None: it was made."""
    new_state: RecordState
    by: str
    at: datetime
    changes: tuple[Change, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A write to one business system that waits, or waited, for a person."""

    sequence: int
    vendor: str
    record: NewRecord
    version: int
    """Counts its moves from 1."""
    contact_id: str
    made_at: datetime
    due_at: datetime
    changed_at: datetime
    decided_at: datetime | None = None
    reviewed_by: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    trace: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RecordState:
        """How far it has come."""
        return self.record.state

    def age(self, now: datetime) -> timedelta:
        """Return how long it waits for a person, or waited."""
        return max(timedelta(), (self.decided_at or now) - self.made_at)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which drafts are meant; what is empty or None leaves nothing out."""

    vendor: str = ""
    kind: str = ""
    states: Collection[RecordState] = ()
    made_before: datetime | None = None
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided."""

    by: str
    at: datetime
    note: str = ""
    version: int = 0
    """The version that was looked at; 0: whatever is there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many drafts of a business system and kind wait, and since when the oldest does."""

    vendor: str
    kind: str
    count: int
    since: datetime


Moved: TypeAlias = tuple[Draft, Step]


class DraftNotFoundError(LookupError):
    """No draft of the tenant has that number."""


class WrongStateError(Exception):
    """What was asked for cannot follow on the draft's state; the text says why and what to do."""

    def __init__(self, state: RecordState, text: str) -> None:
        super().__init__(text)
        self.state = state


class VersionConflictError(Exception):
    """Somebody else moved the draft since it was looked at; the text says what to do."""

    def __init__(self, version: int, text: str) -> None:
        super().__init__(text)
        self.version = version


class FieldRefusedError(ValueError):
    """A field that cannot have the value; the text says why and what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def check_version(draft: Draft, version: int) -> None:
    """Raise ``VersionConflictError`` when a decision was made on another version than the present one."""
    if version and version != draft.version:
        raise VersionConflictError(
            draft.version,
            f"draft {draft.sequence} is at version {draft.version}, not {version}: somebody else was faster; "
            "look at it again and decide anew",
        )


def moved(draft: Draft, state: RecordState, decision: Decision, changes: tuple[Change, ...] = ()) -> Moved:
    """Return a draft one state further, and the step that led there.

    Raises:
        WrongStateError: the state cannot follow on the present one.
    """
    if state not in MOVES[draft.state]:
        raise WrongStateError(
            draft.state,
            f"draft {draft.sequence} is {draft.state} and cannot become {state}: {_ADVICE[draft.state]}",
        )
    by_person = draft.state is RecordState.DRAFT
    after = replace(
        draft,
        record=replace(draft.record, state=state),
        version=draft.version + 1,
        changed_at=decision.at,
        decided_at=decision.at if by_person else draft.decided_at,
        reviewed_by=decision.by if by_person else draft.reviewed_by,
    )
    step = Step(after.version, draft.state, state, decision.by, decision.at, changes, decision.note)
    return after, step


def given_up(draft: Draft, decision: Decision) -> Moved:
    """Return a draft that a person said yes to, and whose dead letter was then dropped: it is not written after all.

    Raises:
        WrongStateError: nobody said yes to it, or it is written.
    """
    if draft.state is not RecordState.REVIEWED:
        raise WrongStateError(draft.state, f"draft {draft.sequence} is {draft.state}: {_ADVICE[draft.state]}")
    record = replace(draft.record, state=RecordState.REJECTED)
    after = replace(draft, record=record, version=draft.version + 1, changed_at=decision.at)
    return after, Step(after.version, draft.state, after.state, decision.by, decision.at, note=decision.note)


def reviewed(draft: Draft, decision: Decision, values: Mapping[str, str] | None = None) -> Moved:
    """Return a draft that a person said yes to, with the values that were changed.

    Raises:
        WrongStateError: it is no draft any more.
        FieldRefusedError: a field cannot have its value.
    """
    after, step = moved(draft, RecordState.REVIEWED, decision)
    record, changes = changed(after.record, values or {})
    return replace(after, record=record), replace(step, changes=changes)


def corrected(draft: Draft, decision: Decision, values: Mapping[str, str]) -> Moved:
    """Return an applied draft with what is put right of it; its state stays.

    Raises:
        WrongStateError: it is not applied.
        FieldRefusedError: a field cannot have its value, or all have theirs already.
    """
    if draft.state is not RecordState.APPLIED:
        raise WrongStateError(
            draft.state, f"draft {draft.sequence} is {draft.state} and cannot be put right: {_ADVICE[draft.state]}"
        )
    record, changes = changed(draft.record, values)
    if not changes:
        raise FieldRefusedError(min(values, default=""), "nothing changes: the record says so already")
    after = replace(draft, record=record, version=draft.version + 1, changed_at=decision.at)
    step = Step(after.version, draft.state, draft.state, decision.by, decision.at, changes, decision.note)
    return after, step


def followed(draft: Draft, wrong: NewRecord, right: NewRecord, decision: Decision) -> Moved | None:
    """Return a draft of the same event after another one was put right; None: nothing of it was wrong."""
    record = put_right(draft.record, wrong, right)
    changes = tuple(
        Change(name, draft.record.fields.get(name, ""), new)
        for name, new in changed_fields(draft.record, record).items()
    )
    if not changes:
        return None
    after = replace(draft, record=record, version=draft.version + 1, changed_at=decision.at)
    return after, Step(after.version, draft.state, draft.state, decision.by, decision.at, changes, decision.note)


def changed(record: NewRecord, values: Mapping[str, str]) -> tuple[NewRecord, tuple[Change, ...]]:
    """Return a record with other values, its title said anew, and what changed. An empty value takes a field out.

    Fields that repeat one another's value change together, unless each was given its own.

    Raises:
        FieldRefusedError: the record has no such field, or the value is no such thing.
    """
    escrow = record.escrow
    types = escrow.types if escrow else dict.fromkeys(record.fields, TEXT)
    same = escrow.same if escrow else {}
    wanted: dict[str, str] = {}
    for name, value in values.items():
        if name not in types:
            raise FieldRefusedError(name, f"{name}: the record has no such field; it has {', '.join(sorted(types))}")
        try:
            wanted[name] = normal(types[name], value)
        except ValueRefusedError as error:
            raise FieldRefusedError(name, f"{name} {error}") from None
    for name in list(wanted):
        root = same.get(name, name)
        for other in {root, *(repeating for repeating, of in same.items() if of == root)} - set(values):
            wanted[other] = wanted[name]
    fields = {name: value for name, value in {**record.fields, **wanted}.items() if value}
    changes = tuple(
        Change(name, record.fields.get(name, ""), wanted[name])
        for name in sorted(wanted)
        if record.fields.get(name, "") != wanted[name]
    )
    title = title_of(escrow.titles, fields) if escrow and escrow.titles and changes else record.title
    return replace(record, fields=fields, title=title), changes


def as_written(record: NewRecord) -> NewRecord:
    """Return what a business system gets of a record that a person said yes to."""
    return replace(record, state=RecordState.APPLIED, escrow=None, reviewed=True)
