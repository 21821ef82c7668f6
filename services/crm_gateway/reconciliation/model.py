"""The comparison: what should be there, what is there, and how they differ. Pure: no stores, no clients."""

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import NewRecord, VendorRecord

LISTED = 1000
"""Differences that a report lists; all are counted and repaired."""


class Finding(enum.StrEnum):
    """How a business system differs from what was said."""

    MISSING = "missing"
    DUPLICATED = "duplicated"
    """It is there more than once. A person decides which to keep: nothing is ever deleted."""
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"
    """It carries an id of the mesh, and no event asks for it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A record as it should be in a business system.

    `state` None: no delivery of it was ever queued, though its event was taken from the stream.
    """

    record: NewRecord
    state: DeliveryState | None
    sequence: int = 0
    """Of its delivery."""
    with_values: bool = True
    """Whether what it says is known for certain, not only that it should be there."""


@dataclass(slots=True)
class Difference:
    """One record that is not as it should be."""

    finding: Finding
    record_id: str
    kind: str
    session_id: str = ""
    event_id: str = ""
    there: tuple[str, ...] = ()
    """Its ids in the business system."""
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of different ones: by name, what it should say and what it says."""
    note: str = ""
    repaired: bool = False
    """Whether it is on its way to be put right."""


@dataclass(slots=True)
class Report:
    """What was found of one business system and tenant."""

    vendor: str
    tenant_id: str
    since: datetime
    matched: int = 0
    waiting: int = 0
    """On their way: not looked at."""
    held_back: int = 0
    """Drafts, and what people turned down or dropped: not there, as it should be."""
    counts: Counter[Finding] = field(default_factory=Counter)
    repaired: int = 0
    differences: list[Difference] = field(default_factory=list)
    """At most `LISTED`."""

    @property
    def left(self) -> int:
        """How many differences are not on their way to be put right."""
        return self.counts.total() - self.repaired

    def note(self, difference: Difference) -> None:
        """Add a difference."""
        self.counts[difference.finding] += 1
        self.repaired += difference.repaired
        if len(self.differences) < LISTED:
            self.differences.append(difference)


def compare(expected: Expected, held: Sequence[VendorRecord]) -> Difference | None:
    """Return how a record differs from what is there of it; None: it does not."""
    record, there = expected.record, tuple(one.vendor_record_id for one in held)
    found = Difference(Finding.MISSING, record.record_id, record.kind, record.scope.session_id, record.event_id, there)
    if len(held) > 1:
        found.finding = Finding.DUPLICATED
        return found
    if expected.state in {DeliveryState.DRAFT, DeliveryState.REJECTED, DeliveryState.DROPPED}:
        found.finding, found.note = Finding.UNEXPECTED, f"its delivery is {expected.state}"
        return found if held else None
    if not held:
        if expected.state is DeliveryState.DEAD:
            found.note = f"a dead letter: voicemesh crm dlq show {expected.sequence}"
        return found
    found.finding, found.fields = Finding.DIFFERENT, _different(expected, held[0])
    return found if found.fields else None


def _different(expected: Expected, held: VendorRecord) -> dict[str, tuple[str, str]]:
    """Compare the kind, and the values; not the state: how a record goes on there is that system's own business."""
    wanted, said = {"kind": expected.record.kind}, {"kind": held.kind}
    if expected.with_values:
        wanted |= {"title": expected.record.title} | {f"fields.{k}": v for k, v in expected.record.fields.items()}
        said |= {"title": held.title} | {f"fields.{k}": v for k, v in held.fields.items()}
    names = sorted(wanted.keys() | said.keys())
    return {n: (wanted.get(n, ""), said.get(n, "")) for n in names if wanted.get(n, "") != said.get(n, "")}
