"""The domain of erasures. Pure: no stores, no clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

OWN = "crm"
SERVICES = (OWN, "dialogue", "consent")
"""Who holds something of a contact, and answers."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an erasure concerns, by all names they are known by."""

    contact_ids: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it names anybody."""
        return bool(self.contact_ids or self.customer_ids or self.phones)


@dataclass(frozen=True, slots=True)
class Progress:
    """A service that is done."""

    service: str
    completed_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far an erasure is."""

    erasure_id: str
    requested_at: datetime | None
    completed_at: datetime | None
    principal: str
    purpose: str
    done: tuple[Progress, ...] = ()
