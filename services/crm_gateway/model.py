"""The gateway's domain: contacts, records, the caller's context, and what is asked of a business system."""

import enum
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from services.crm_gateway.canonical import NO_INTERACTIONS, Consent, IntentStage, PriorInteractions, VendorLink
from services.crm_gateway.review.escrow import Escrow

_NAMESPACE = uuid.UUID("6f1f1c2c-3a55-5f0e-9c0b-7d4f8a2e9b11")

KeyKind: TypeAlias = Literal["contact_id", "customer_id", "phone"]

INTERACTION = "interaction"
OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf something is read or written."""

    tenant_id: str
    region: str
    correlation_id: str
    language: str
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class ContactKey:
    """One of a contact's names."""

    kind: KeyKind
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person the business knows. `version` counts its changes from 1."""

    contact_id: str
    customer_id: str = ""
    display_name: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    language: str = ""
    region: str = ""
    version: int = 0
    updated_at: datetime | None = None
    known_as: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Business systems and its ids there; filled in where something is written to one."""

    def id_at(self, vendor: str) -> str:
        """Return its id in a business system; empty: it is not known there, or that is not known here."""
        return dict(self.known_as).get(vendor, "")

    @property
    def keys(self) -> frozenset[ContactKey]:
        """All names it can be found by."""
        keys = [ContactKey("contact_id", self.contact_id), *(ContactKey("phone", phone) for phone in self.phones)]
        if self.customer_id:
            keys.append(ContactKey("customer_id", self.customer_id))
        return frozenset(keys)


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An open record of ours, or a business system's open deal, ticket or the like, in a line."""

    record_id: str
    """Of another business system the id there."""
    kind: str
    title: str
    state: str
    vendor: str = ""
    """The business system that says so; empty: our own records."""
    amount: str = ""
    """A decimal number; empty: not known."""
    currency: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallerContext:
    """What a conversation should know of its caller. `contact` None: nobody the business knows."""

    as_of: datetime
    contact: Contact | None = None
    last_interaction: str = ""
    last_interaction_at: datetime | None = None
    open_items: tuple[OpenItem, ...] = ()
    suppressed: bool = False
    stale: bool = False
    prior: PriorInteractions = NO_INTERACTIONS
    intent_stage: IntentStage = IntentStage.UNKNOWN
    consents: tuple[Consent, ...] = ()
    links: tuple[VendorLink, ...] = ()
    """Who they are in the business systems that know them."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What a call in progress has learned so far; None and an empty intent: nothing yet."""

    session_id: str
    intent: str = ""
    intent_confidence: float | None = None
    sentiment: float | None = None
    """From -1 (bad) to 1 (good)."""
    sentiment_confidence: float | None = None
    at_s: float | None = None
    """Where in the call the last of it was learned, in seconds on the audio clock."""


class RecordState(enum.StrEnum):
    """How far a record has come."""

    DRAFT = "draft"
    REVIEWED = "reviewed"
    APPLIED = "applied"
    REJECTED = "rejected"


class Profile(enum.StrEnum):
    """How urgently a record is written."""

    REALTIME = "realtime"
    """At once, by itself."""
    BATCH = "batch"
    """Gathered, and written with others when there are enough or it has waited long enough."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who an event says the customer is; empty: not known."""

    contact_id: str = ""
    customer_id: str = ""
    phone: str = ""
    name: str = ""
    phone_confidence: float | None = None
    """The probability that it was understood right, 0 to 1; None: not known, or nobody said it in the call."""
    name_confidence: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return bool(self.contact_id or self.customer_id or self.phone or self.name)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What an event becomes in a business system. `event_id` is its idempotency key: one event, one record."""

    event_id: str
    scope: Scope
    customer: Customer
    kind: str
    state: RecordState
    title: str
    open: bool
    occurred_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None
    turn_id: str = ""
    closes: str = ""
    """The kind of open record of the contact that this one ends; empty: none."""
    corrects: str = ""
    """The id, in the business system, of what this changes instead of adding a record; empty: it adds one."""
    profile: Profile = Profile.REALTIME
    escrow: Escrow | None = None
    """Why it is a draft; None: it is none."""
    reviewed: bool = False
    """Whether a person has said yes to it."""

    @property
    def record_id(self) -> str:
        """The record's id, the same each time the event comes."""
        return uuid.uuid5(_NAMESPACE, f"{self.scope.tenant_id}/{self.event_id}").hex


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was written. `sequence` orders all records of the store."""

    sequence: int
    record_id: str
    scope: Scope
    kind: str
    state: RecordState
    contact_id: str
    title: str
    fields: Mapping[str, str]
    event_id: str
    created_at: datetime
    confidence: float | None


class Unit(Protocol):
    """An open transaction of the gateway's own store, which an embedded business system may join."""


class EmbeddedVendor(Protocol):
    """A business system in the gateway's own database: record and announcement are one transaction."""

    name: str
    """Its name in events and settings."""

    async def write(self, record: NewRecord, contact: Contact | None, unit: Unit) -> str:
        """Write a record in the open transaction and return its id; once, however often it is asked.

        Raises:
            RejectedError: it will never take the record. Any other exception: it is tried again.
        """


class RemoteVendor(Protocol):
    """Somebody else's business system. Called by the sync process only, never while a caller waits."""

    name: str
    """Its name in events and settings."""

    async def find(self, record: NewRecord) -> str | None:
        """Return the id there of a record that an earlier attempt may have written; None: it is not there.

        Asked before each attempt but the first, so that a lost answer makes no second record. A business system that
        itself takes a record once by its id (`record.record_id`) may always answer None.
        """

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        """Write a record and return its id there.

        An answer may be lost, and a request that was given up may still be done there later than `find` looks: a
        business system that takes an idempotency key should be sent `record.record_id` as one, with each attempt.

        Raises:
            RejectedError: it will never take the record.
            BusyError: it asks to wait. Any other exception is a failed attempt, and tried again later.
        """


@runtime_checkable
class CorrectableVendor(Protocol):
    """What a business system's adapter may have besides: what was written there can be changed."""

    async def correct(self, record: NewRecord, contact: Contact | None) -> str:
        """Make what has the id `record.corrects` there say what the record says; return that id.

        May be asked several times for the same correction, and must end in the same state.

        Raises:
            RejectedError: it will never take the change, for example because nothing has that id.
            BusyError: it asks to wait. Any other exception is a failed attempt, and tried again later.
        """


@runtime_checkable
class BatchVendor(Protocol):
    """What a business system's adapter may have besides: many records are written with one request."""

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        """Write records of one tenant, each with its contact; return for each its id there, or why it was not written.

        None of them was tried before. An exception in the answer means the same as raised by `RemoteVendor.write`.

        Raises:
            RejectedError: it takes none of them together; each is then written by itself.
            BusyError: it asks to wait. Any other exception is a failed attempt of all.
        """


@dataclass(frozen=True, slots=True)
class VendorRecord:
    """A record as a business system holds it."""

    record_id: str
    """The mesh's id of it, which it carries there."""
    vendor_record_id: str
    kind: str
    state: str
    title: str
    fields: Mapping[str, str]


@runtime_checkable
class AuditableVendor(Protocol):
    """What a business system's adapter may have besides: it says what is there."""

    async def holds(self, tenant_id: str, record_ids: Collection[str]) -> Mapping[str, Sequence[VendorRecord]]:
        """Return what is there of these records, by the mesh's id; several of one id are duplicates.

        Raises:
            BusyError: it asks to wait. Any other exception: it could not be asked.
        """

    def written_since(self, tenant_id: str, since: datetime) -> AsyncIterator[VendorRecord]:
        """List everything that carries an id of the mesh and was written there since then. Raises as `holds`."""


class RejectedError(Exception):
    """A business system refuses a record for good; the text says why."""


class BusyError(Exception):
    """A business system asks to wait; the text says why. It is no failure, and counts as no attempt.

    Args:
        retry_after_s: how long, in seconds.
    """

    def __init__(self, text: str, retry_after_s: float) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class ContactConflictError(Exception):
    """A contact cannot be changed as asked; the text says why and what to do."""


class ContactNotFoundError(LookupError):
    """No contact has that id."""
