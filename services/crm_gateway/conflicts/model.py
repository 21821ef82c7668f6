"""What is said of a contact, by whom, and where those who say it disagree. Pure: no stores, no clients."""

import enum
from dataclasses import dataclass
from datetime import datetime

from services.crm_gateway.model import Scope

Value = str | tuple[str, ...]

CALL = "call"
"""Source: what a caller said."""
CONSOLE = "console"
"""Source: what a person changed with `UpsertContact`."""
REVIEW = "review"
"""Source: what a person decided where others disagreed, or corrected."""
KNOWN = "known"
"""Source: what a contact had before anybody's statements of it were kept."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says of one field of a contact. An empty value: the source says nothing (any more)."""

    field: str
    source: str
    """"call", "review", "console", or a business system's name."""
    value: Value
    changed_at: datetime
    """When it changed there, with a time zone."""
    statement_id: str
    """The same each time the same is said, such as the id of the event it comes from."""
    confidence: float | None = None
    """The probability that it is right, 0 to 1; None: not known."""

    @property
    def values(self) -> tuple[str, ...]:
        """The value as a list; what is empty is left out."""
        values = (self.value,) if isinstance(self.value, str) else self.value
        return tuple(value for value in values if value.strip())

    @property
    def place(self) -> tuple[datetime, str, bool, tuple[str, ...], float]:
        """Its place among all statements of its source: later ones are greater, and no two different ones are equal."""
        single = isinstance(self.value, str)
        written = (self.value,) if isinstance(self.value, str) else self.value
        return self.changed_at, self.statement_id, single, written, -1.0 if self.confidence is None else self.confidence


class ConflictState(enum.StrEnum):
    """What became of a disagreement."""

    WAITING = "waiting"
    """It waits for a person."""
    SETTLED = "settled"
    """A rule decided, or the sources came to agree."""
    RESOLVED = "resolved"
    """A person decided."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """A statement whose value does not count, and why."""

    statement: Statement
    because: str
    """The strategy that decided, or "settled" (a person decided later), "filling" (its source only fills in what
    nobody else says), "doubtful" (not certain enough), "unknown" (a value the scale does not have), "taken" (a customer
    id that is another contact's)."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A disagreement over one field of one contact. `version` counts its changes from 1."""

    conflict_id: str
    sequence: int
    scope: Scope
    contact_id: str
    field: str
    state: ConflictState
    kept: Statement | None
    """Whose word counts; None: nobody's."""
    overruled: tuple[Overruled, ...]
    rules_version: str
    version: int
    detected_at: datetime
    settled_at: datetime | None = None
    resolved_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conflicts are meant; what is empty or None leaves nothing out."""

    state: ConflictState | None = None
    contact_id: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides."""

    version: int
    """The conflict's version when they looked at it."""
    by: str
    reason: str
    at: datetime
    source: str = ""
    """Whose word counts; empty: `values` do."""
    values: tuple[str, ...] = ()


class UnknownConflictError(LookupError):
    """No conflict of this tenant has that id."""


class StaleConflictError(Exception):
    """A conflict changed since it was looked at; the text says what to do."""

    def __init__(self, version: int, text: str) -> None:
        super().__init__(text)
        self.version = version


class ResolvedConflictError(Exception):
    """A conflict was resolved already; the text says by whom."""


class DecisionRefusedError(ValueError):
    """A value that the field cannot have, or a source that says nothing of it; the text says why and what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
