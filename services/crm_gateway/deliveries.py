"""The domain of write-back: a delivery is one record on its way to one business system. Pure: no stores, no clients."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.crm_gateway.model import Contact, NewRecord, Scope


class DeliveryState(enum.StrEnum):
    """How far a delivery has come."""

    DRAFT = "draft"
    """A person must look at it first: it is not made, and holds up nothing."""
    REJECTED = "rejected"
    """A draft that a person has turned down."""
    WAITING = "waiting"
    """To be made, or being made."""
    WRITTEN = "written"
    DEAD = "dead"
    """Given up: it waits for a person, who has it made again or drops it."""
    DROPPED = "dropped"
    """A person gave it up."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to write a record. Until its lease ends no other worker makes it."""

    sequence: int
    """Its place: deliveries of one contact are made in this order, one after the other."""
    record: NewRecord
    contact: Contact | None
    attempt: int
    """Counted from 1."""
    begun_before: bool
    """Whether an earlier attempt may have written it, whatever became of its answer."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace of the call, as headers."""


@dataclass(frozen=True, slots=True)
class Written:
    """The business system has it."""

    delivery: Delivery
    record_id: str
    """Its id there."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace of the writing, as headers."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """It is tried again."""

    delivery: Delivery
    error: str
    due_at: datetime
    counts: bool = True
    """Whether it was an attempt: not where the business system only asked to wait."""
    made: bool = True
    """Whether the business system was asked at all: if not, nothing can be there of it, and it is no attempt."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It is a dead letter."""

    delivery: Delivery
    error: str


Result = Written | Postponed | GivenUp


@dataclass(frozen=True, slots=True)
class CircuitChange:
    """A process begins to leave a business system alone, or writes to it again."""

    scope: Scope
    """Of the record whose attempt showed it."""
    worker: str
    opened_at: datetime
    open: bool
    retry_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants done with dead letters."""

    by: str
    purpose: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up, as a person sees it."""

    sequence: int
    vendor: str
    record: NewRecord
    attempts: int
    reason: str
    at: datetime


@dataclass(slots=True)
class Standing:
    """How many deliveries of a business system have come how far."""

    vendor: str
    counts: dict[DeliveryState, int] = field(default_factory=dict)
    waiting_since: datetime | None = None
    """When the oldest that waits was queued."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many writes a business system takes of one tenant: `per_s` on average, `burst` at once."""

    per_s: float
    burst: float
