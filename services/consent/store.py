"""What the use cases need of a store. Adapters implement it; tests may hand in one of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

from services.consent.model import ConsentRecord, Scope, Subject, Suppression

EntryT = TypeVar("EntryT")


class ConflictError(Exception):
    """The idempotency key was used before, with other content."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of some names of a person: records of all channels, suppressions that were not removed."""

    records: Sequence[ConsentRecord]
    suppressions: Sequence[Suppression]


@dataclass(frozen=True, slots=True)
class Page(Generic[EntryT]):
    """Entries, the newest first; `more` tells whether older ones follow."""

    entries: Sequence[EntryT]
    more: bool


@dataclass(frozen=True, slots=True)
class Written(Generic[EntryT]):
    """An entry as it stands in the store; `new` is False when an earlier request with that key wrote it."""

    entry: EntryT
    new: bool


class Store(Protocol):
    """Append-only: nothing is ever changed or deleted. All answers are of one tenant.

    The `event` given beside an entry is written in the same transaction, so that neither exists without the
    other. All methods raise MeshError(DEPENDENCY_UNAVAILABLE) when the database doesn't answer.
    """

    async def facts(self, tenant_id: str, keys: frozenset[str], now: datetime) -> Facts:
        """Find what concerns any of the names (`Subject.keys`)."""

    async def add_record(self, record: ConsentRecord, idempotency_key: str, event: Message) -> Written[ConsentRecord]:
        """Append a record; its `sequence` is given by the store. Raises `ConflictError`."""

    async def add_suppression(
        self, suppression: Suppression, idempotency_key: str, event: Message
    ) -> Written[Suppression]:
        """Append a suppression; its `sequence` is given by the store. Raises `ConflictError`."""

    async def remove_suppression(self, scope: Scope, suppression_id: str, reason: str, now: datetime) -> bool:
        """Append a removal, once. False: the tenant has no such suppression."""

    async def history(self, tenant_id: str, subject: Subject, limit: int, before: int | None) -> Page[ConsentRecord]:
        """List records that share a name with the subject and have a sequence under `before`."""

    async def suppressions(self, tenant_id: str, now: datetime, limit: int, before: int | None) -> Page[Suppression]:
        """List the suppressions in force that have a sequence under `before`."""
