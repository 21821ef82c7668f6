"""When business systems were seen to say a value: what they only repeat is told from what they changed.

They tell when a contact changed there, not which of its values did. So a value counts from the first moment of the
unbroken row of sightings that leads to the newest one. That is a function of the set of sightings, whatever order they
come in. Kept are the newest one of another meaning and those behind it: nothing older can matter any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.crm_gateway.adapters.conflict_tables import sightings as table
from services.crm_gateway.conflicts.merging import agree
from services.crm_gateway.conflicts.model import Statement
from services.crm_gateway.model import Scope

LIMIT = 100
"""How many sightings of one value are kept: with more, what comes late among the oldest is told less exactly."""


def kept(seen: Iterable[Statement]) -> list[Statement]:
    """Return what has to be kept of one source's sightings of one field, the oldest first."""
    every = sorted(set(seen), key=lambda one: one.place)
    row = _row_of(every)
    other = every[len(every) - len(row) - 1 : len(every) - len(row)] if len(row) < len(every) else []
    # The first one says since when it counts.
    return [*other, *(row if len(row) <= LIMIT else [row[0], *row[-LIMIT + 1 :]])]


def said(seen: Iterable[Statement]) -> list[Statement]:
    """Return what one source's sightings of one field amount to: what it said before, and what it says now."""
    every = kept(seen)
    row = _row_of(every)
    if not row:
        return []
    # Spelled as it was last, it counts from when it was first meant.
    now = replace(row[-1], changed_at=row[0].changed_at, statement_id=row[0].statement_id)
    before = [one for one in every[: len(every) - len(row)] if one.values]
    return [*before, now] if before or now.values else []


def _row_of(every: Sequence[Statement]) -> Sequence[Statement]:
    """Return the unbroken row of one meaning at the end."""
    start = len(every)
    while start and agree(every[start - 1], every[-1]):
        start -= 1
    return every[start:]


async def see(
    connection: AsyncConnection, scope: Scope, contact_id: str, held: Sequence[Statement], new: Sequence[Statement]
) -> list[Statement]:
    """Keep what one source says of fields of one contact now; return what all it ever said of them amounts to.

    Args:
        held: the statements that are kept of this source: they stand for sightings from before those were kept.
    """
    names = sorted({one.field for one in new})
    source = new[0].source
    rows = await _rows(connection, scope.tenant_id, contact_id, source, names)
    amounts: list[Statement] = []
    for name in names:
        known = {_statement(row): row.sequence for row in rows if row.field == name}
        begun = known or [one for one in held if one.field == name]
        every = [*begun, *(one for one in new if one.field == name)]
        stay = kept(every)
        gone = [row for one, row in known.items() if one not in stay]
        if gone:
            await connection.execute(table.delete().where(table.c.sequence.in_(gone)))
        added = [_columns(scope, contact_id, one) for one in stay if one not in known]
        if added:
            await connection.execute(table.insert(), added)
        amounts += said(every)
    return amounts


async def _rows(
    connection: AsyncConnection, tenant_id: str, contact_id: str, source: str, names: Sequence[str]
) -> Sequence[sa.Row[Any]]:
    statement = sa.select(table).where(
        table.c.tenant_id == tenant_id,
        table.c.contact_id == contact_id,
        table.c.source == source,
        table.c.field.in_(names),
    )
    return (await connection.execute(statement)).all()


def _statement(row: sa.Row[Any]) -> Statement:
    value = tuple(row.value) if isinstance(row.value, list) else row.value
    return Statement(row.field, row.source, value, row.changed_at, row.statement_id)


def _columns(scope: Scope, contact_id: str, seen: Statement) -> Mapping[str, object]:
    return {
        "tenant_id": scope.tenant_id,
        "region": scope.region,
        "correlation_id": scope.correlation_id,
        "language": scope.language,
        "contact_id": contact_id,
        "field": seen.field,
        "source": seen.source,
        "statement_id": seen.statement_id,
        "value": list(seen.value) if isinstance(seen.value, tuple) else seen.value,
        "changed_at": seen.changed_at,
    }
