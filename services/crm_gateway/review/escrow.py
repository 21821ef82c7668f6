"""What a draft carries until a person has decided: why it waits, and what may be changed of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT = "text"
"""The type of a field that may hold anything."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is less sure than it should be."""

    field: str
    """The record's field; empty: the event as a whole, for example what the caller wanted."""
    value: str
    confidence: float
    """The probability that it is right, 0 to 1."""
    threshold: float
    """How sure it should be, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Escrow:
    """What a draft carries besides what is to be written."""

    doubts: tuple[Doubt, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    """The fields that a person may give a value, and what their values are (`values.py`)."""
    same: Mapping[str, str] = field(default_factory=dict)
    """Fields that repeat another one's value, and which: they change together."""
    person: Mapping[str, str] = field(default_factory=dict)
    """The `Customer`'s values ("name", "phone") that only the caller said, and in which of the record's fields."""
    titles: tuple[str, ...] = ()
    """Templates of the record's title, so that it can be said anew when a value changes."""
    within_s: float = 86_400.0
    """Seconds within which a person should have decided."""
    audio_offset_s: float | None = None
    """Where in the call its words lie, in seconds on the audio clock."""
