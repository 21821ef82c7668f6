"""What a business system says has changed, and what is asked of one that says so. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeAlias, runtime_checkable

from services.crm_gateway.storable import ID_LIMIT, is_storable

DEAL = "deal"
_REVISIONS = 10**20
_CONTACT_LIMITS = {
    "contact_id": ID_LIMIT,
    "external_id": ID_LIMIT,
    "customer_id": ID_LIMIT,
    "display_name": 200,
    "language": 35,
    "stage": 64,
}
_ITEM_LIMITS = {
    "item_id": ID_LIMIT,
    "kind": 64,
    "contact_id": ID_LIMIT,
    "record_id": ID_LIMIT,
    "title": 500,
    "state": 64,
    "amount": 32,
    "currency": 3,
}


class UnreadableChangeError(ValueError):
    """A change is not as this business system sends them; the text says why, without personal data."""


@dataclass(frozen=True, slots=True)
class VendorContact:
    """A contact as a business system has it now. None: it does not say; empty: it says that there is none.

    Raises:
        UnreadableChangeError: a value is longer than is kept, or no text that can be.
    """

    contact_id: str
    """Its id there."""
    changed_at: datetime
    """When it changed there, with a time zone."""
    revision: int = 0
    """Counts its changes there, where that is known: tells changes of one moment apart."""
    external_id: str = ""
    """The mesh's contact id, where the business system keeps it."""
    customer_id: str | None = None
    display_name: str | None = None
    phones: tuple[str, ...] | None = None
    """E.164, the preferred one first."""
    emails: tuple[str, ...] | None = None
    language: str | None = None
    """BCP 47 tag."""
    stage: str = ""
    """How far the business has come with them, in its own words."""
    suppressed: bool = False
    """Whether they are not to be contacted."""
    gone: bool = False

    def __post_init__(self) -> None:
        _check(self, "contact_id", _CONTACT_LIMITS)
        _check_list("phones", self.phones or (), 20)
        _check_list("emails", self.emails or (), 320)


@dataclass(frozen=True, slots=True)
class VendorItem:
    """A deal, ticket or the like as a business system has it now.

    Raises:
        UnreadableChangeError: a value is longer than is kept, or no text that can be.
    """

    item_id: str
    kind: str
    """"deal", "ticket", or more exactly, such as "complaint"."""
    changed_at: datetime
    revision: int = 0
    contact_id: str = ""
    """The business system's id of its contact, which may come later; empty: none."""
    record_id: str = ""
    """The mesh's record that was written there; empty: it is none."""
    title: str = ""
    state: str = ""
    open: bool = True
    amount: str = ""
    """A decimal number; empty: not known."""
    currency: str = ""
    """ISO 4217 code."""
    gone: bool = False

    def __post_init__(self) -> None:
        _check(self, "item_id", _ITEM_LIMITS)
        if not self.kind:
            raise UnreadableChangeError("kind is empty")


VendorChange: TypeAlias = VendorContact | VendorItem


def _check(change: VendorChange, identifier: str, limits: Mapping[str, int]) -> None:
    """Refuse what a store cannot hold, before it can stop what comes with it and behind it."""
    if not getattr(change, identifier):
        raise UnreadableChangeError(f"{identifier} is empty")
    for name, limit in limits.items():
        _check_text(name, getattr(change, name) or "", limit)
    if not 0 <= change.revision < _REVISIONS:
        raise UnreadableChangeError("revision is no count")
    try:
        known = change.changed_at.tzinfo is not None and change.changed_at.astimezone(UTC)
    except OverflowError:
        known = False
    if not known:
        raise UnreadableChangeError("changed_at is no moment with a time zone")


def _check_text(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise UnreadableChangeError(f"{name} has {len(text)} characters, at most {limit} are kept")
    if not is_storable(text):
        raise UnreadableChangeError(f"{name} holds what is no text, such as the character U+0000")


def _check_list(name: str, values: Sequence[str], limit: int) -> None:
    if len(set(values)) < len(values):
        raise UnreadableChangeError(f"{name} says the same twice")
    for value in values:
        _check_text(name, value, limit)


def kind_of(change: VendorChange) -> str:
    """Return what changed, for metrics: "contact", or an item's kind."""
    return "contact" if isinstance(change, VendorContact) else change.kind


def place_of(change: VendorChange) -> tuple[datetime, str]:
    """Return a change's place among all of its contact or item: of two changes the greater one counts.

    Changes of one moment without a revision have an arbitrary order, but the same one everywhere.
    """
    digest = hashlib.sha256(repr(sorted(asdict(change).items())).encode()).hexdigest()
    return change.changed_at, f"{change.revision:020d}.{digest[:32]}"


@dataclass(frozen=True, slots=True)
class Page:
    """Changes behind a cursor, in any order.

    Raises:
        UnreadableChangeError: its cursor is no text that can be kept.
    """

    changes: tuple[VendorChange, ...]
    cursor: str
    """Asks for what comes behind."""
    more: bool
    """Whether there is more already."""
    refused: tuple[str, ...] = ()
    """Of each change that cannot be read, why; without personal data."""

    def __post_init__(self) -> None:
        if not is_storable(self.cursor):
            raise UnreadableChangeError("the cursor holds what is no text, such as the character U+0000")


class ChangeSource(Protocol):
    """A business system that says what has changed. A `RemoteVendor` may be one too."""

    name: str

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[VendorChange]:
        """Return what a webhook says has changed; nothing, where it says what the mesh does not keep.

        Args:
            headers: found in any case. The signature has been checked.

        Raises:
            UnreadableChangeError: it is not what this business system sends.
        """

    async def changes(self, cursor: str) -> Page:
        """Return what changed behind a cursor; an empty one: everything there is.

        Raises:
            BusyError: it asks to wait.
            CursorError: it does not know the cursor (any more). Any other exception is a failure, and tried again.
        """


@runtime_checkable
class OwnSignatures(Protocol):
    """A `ChangeSource` whose webhooks are not signed as Standard Webhooks says."""

    def verify(self, keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> str:
        """Return the id of a message that one of the keys signed, the same each time it is sent.

        Args:
            now_s: seconds since 1970; a message that was signed long ago is refused.

        Raises:
            WebhookError: it is not to be taken; see `standard_webhooks.py`.
        """


class CursorError(Exception):
    """A business system does not know a cursor: its changes have to be read from the beginning."""


class LostCursorError(Exception):
    """Somebody else has read on, or begun again: what was read is not taken in."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a business system's changes were read. `complete`: all there was has been read once."""

    cursor: str = ""
    complete: bool = False


@dataclass(slots=True)
class Taken:
    """What became of changes."""

    applied: int = 0
    ignored: int = 0
    """They say nothing new: repeated, or older than what is known."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far the changes of one business system have been taken in; None: never."""

    vendor: str
    cursor: str = ""
    complete_at: datetime | None = None
    read_at: datetime | None = None
    webhook_at: datetime | None = None
    changed_at: datetime | None = None
    applied: int = 0
    ignored: int = 0
    refused: int = 0
    last_refusal: str = ""
    failures: int = 0
    last_error: str = ""
    failed_at: datetime | None = None
