"""Which record ends which: a contact's records of one kind, and those that end one, in their order. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A record, as far as opening and ending goes."""

    record_id: str
    opens: bool
    """Whether it is open until another one ends it."""
    closes: bool
    """Whether it ends the newest that is open when it comes."""


def ended_by(lines: Iterable[Line]) -> dict[str, str]:
    """Return which records are ended, and by which."""
    still_open: list[str] = []
    ended: dict[str, str] = {}
    for line in lines:
        if line.closes and still_open:
            ended[still_open.pop()] = line.record_id
        if line.opens:
            still_open.append(line.record_id)
    return ended
