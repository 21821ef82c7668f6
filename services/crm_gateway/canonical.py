"""The canonical schema's own words: what a context says beside its contact. Pure. docs/crm-sync.md has all of it."""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

SCHEMA_VERSION = 2
"""Which version of the canonical schema this gateway fills in; docs/crm-sync.md says how one is added."""

SUPPRESSED = "suppressed"
"""State of a consent: the customer is on the suppression list."""


class IntentStage(enum.StrEnum):
    """How far what a customer wants has come."""

    UNKNOWN = "unknown"
    CONTACTED = "contacted"
    """They talked to the business; nothing came of it so far."""
    INQUIRING = "inquiring"
    """They asked about something."""
    PENDING = "pending"
    """Something they asked for is under way."""
    DONE = "done"
    """What was under way came to its end, and nothing else is open."""


@dataclass(frozen=True, slots=True)
class Consent:
    """The last word on one consent; an empty channel or purpose: all."""

    channel: str
    purpose: str
    state: str
    """"granted", "refused", "revoked" or "suppressed"."""
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PriorInteractions:
    """What came before this conversation."""

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    summary: str = ""
    disposition: str = ""
    intents: tuple[str, ...] = ()
    sentiment: float | None = None
    """From -1 (bad) to 1 (good)."""


NO_INTERACTIONS = PriorInteractions()


@dataclass(frozen=True, slots=True)
class VendorLink:
    """Who the contact is in a business system."""

    vendor: str
    vendor_contact_id: str
    stage: str
    suppressed: bool
    changed_at: datetime


def stage_of(*, open_items: int, done: bool, inquired: bool, interactions: int) -> IntentStage:
    """Return how far what a customer wants has come: the furthest that still is.

    Args:
        open_items: how many deals, tickets and the like are open.
        done: whether one was, and is no more.
        inquired: whether they asked about something.
        interactions: how many conversations are on record.
    """
    if open_items:
        return IntentStage.PENDING
    if done:
        return IntentStage.DONE
    if inquired:
        return IntentStage.INQUIRING
    return IntentStage.CONTACTED if interactions else IntentStage.UNKNOWN


def is_suppressed(consents: Collection[Consent], links: Collection[VendorLink]) -> bool:
    """Say whether the consent service or a business system says that a contact is not to be reached by any way."""
    return any(each.state == SUPPRESSED and not each.channel for each in consents) or any(
        link.suppressed for link in links
    )
