"""Statements as rows: what each source says of a contact is kept, and the contact is what the rules make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.bus import new_event_id
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, sightings
from services.crm_gateway.adapters.conflict_log import About, ConflictLog
from services.crm_gateway.adapters.conflict_tables import statements as table
from services.crm_gateway.adapters.tables import contacts
from services.crm_gateway.conflicts.merging import Outcome, merge, retain
from services.crm_gateway.conflicts.model import KNOWN, Overruled, Statement, Value
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.model import Contact, ContactKey, ContactNotFoundError, Scope

FIELDS = frozenset(field.name for field in fields(Contact)) - {"contact_id", "version", "updated_at", "known_as"}
"""The fields a contact has itself; other fields' statements are kept and merged, see `Statements.values`."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
# Room for what was seen just before.
_TICKS = timedelta(microseconds=2)


@dataclass(frozen=True, slots=True)
class _Field:
    """What is kept of one field's statements, by row, and what comes in."""

    name: str
    held: Mapping[Statement, int]
    new: frozenset[Statement]


class Statements:
    """Takes statements in, by rules, and writes down where they disagree."""

    def __init__(self, rules: Rules, outbox: Outbox) -> None:
        self.rules = rules
        self._log = ConflictLog(outbox, rules.label)

    async def create(
        self, connection: AsyncConnection, scope: Scope, statements: Iterable[Statement], contact_id: str = ""
    ) -> Contact:
        """Make a contact of what is said of it; an empty id: a new one."""
        by_field = _by_field(statements)
        contact = Contact(contact_id or new_event_id())
        outcomes = {name: merge(self.rules, new) for name, new in by_field.items()}
        contact = await contact_rows.insert(connection, scope, _with(contact, outcomes))
        for name, new in by_field.items():
            about = About(scope, contact, name)
            await self._keep(connection, about, {}, retain(self.rules, new))
            await self._log.note(connection, about, Outcome(), outcomes[name])
        return contact

    async def begin(
        self, connection: AsyncConnection, entries: Sequence[tuple[Scope, Contact, Sequence[Statement]]]
    ) -> None:
        """Keep what is said of contacts that were just made of it, each of one source."""
        rows = [_columns(scope, contact.contact_id, one) for scope, contact, said in entries for one in said]
        if rows:
            await connection.execute(table.insert(), rows)

    async def take(
        self,
        connection: AsyncConnection,
        scope: Scope,
        contact: Contact,
        statements: Iterable[Statement],
        *,
        instead: bool = False,
    ) -> Contact:
        """Keep what is new of statements, change the contact where its values do, and write conflicts down.

        The same contact follows from the same statements in any order, any grouping, however often they come. What a
        contact had before the first statement of a field counts as the source "known".

        Args:
            instead: whether they stand in for all that their sources said of these fields.

        Returns:
            The contact as it is now; as it was given where nothing is new.

        Raises:
            ContactNotFoundError: the tenant does not have the contact (any more).
        """
        by_field = _by_field(statements)
        # What is known to what was kept a moment ago is known to what is kept now: that needs no lock.
        if not by_field or await self._knows(connection, scope.tenant_id, contact.contact_id, by_field, instead):
            return contact
        present = await self.lock(connection, scope.tenant_id, contact.contact_id)
        before: dict[str, Outcome] = {}
        after: dict[str, Outcome] = {}
        for field in await self._fields(connection, scope.tenant_id, present, by_field):
            retained = retain(self.rules, {*_beside(field.held, field.new, instead), *field.new})
            before[field.name] = merge(self.rules, field.held)
            after[field.name] = await self._checked(connection, scope, present, merge(self.rules, retained))
            await self._keep(connection, About(scope, present, field.name), field.held, retained)
        changed = _with(present, after)
        if changed != present:
            changed = await contact_rows.update(connection, scope, changed)
        for name, outcome in after.items():
            await self._log.note(connection, About(scope, changed, name), before[name], outcome)
        return changed

    async def values(self, connection: AsyncConnection, tenant_id: str, contact_id: str) -> dict[str, Value]:
        """Return what all statements of a contact amount to, by field."""
        rows = await _rows(connection, tenant_id, contact_id, None)
        by_field = _by_field(_statement(row) for row in rows)
        return {name: merge(self.rules, said).value for name, said in by_field.items()}

    async def moment(
        self, connection: AsyncConnection, tenant_id: str, contact_id: str, names: Sequence[str], now: datetime
    ) -> datetime:
        """Return when a person speaks who has seen what is said of some fields: now, and behind all of it.

        Clocks of business systems may be ahead of ours.
        """
        rows = await _rows(connection, tenant_id, contact_id, names)
        newest = max((row.changed_at for row in rows), default=_LONG_AGO)
        return max(now, min(newest, _LAST - _TICKS) + _TICKS)

    async def lock(self, connection: AsyncConnection, tenant_id: str, contact_id: str) -> Contact:
        """Let nobody else change the contact until the transaction ends; return it as it is.

        Raises:
            ContactNotFoundError: the tenant does not have it.
        """
        mine = sa.and_(contacts.c.tenant_id == tenant_id, contacts.c.contact_id == contact_id)
        await connection.execute(sa.select(contacts.c.contact_id).where(mine).with_for_update())
        contact = await contact_rows.find(connection, tenant_id, ContactKey("contact_id", contact_id))
        if contact is None:
            raise ContactNotFoundError(contact_id)
        return contact

    async def _knows(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        contact_id: str,
        by_field: Mapping[str, list[Statement]],
        instead: bool,
    ) -> bool:
        """Whether statements would change nothing of what is kept."""
        held = await _held(connection, tenant_id, contact_id, by_field)
        return all(
            held[name] and retain(self.rules, [*_beside(held[name], new, instead), *new]) == held[name].keys()
            for name, new in by_field.items()
        )

    async def _fields(
        self, connection: AsyncConnection, tenant_id: str, contact: Contact, by_field: Mapping[str, list[Statement]]
    ) -> list[_Field]:
        held = await _held(connection, tenant_id, contact.contact_id, by_field)
        return [
            _Field(name, held[name], frozenset(new if held[name] else [*new, *_known(contact, name)]))
            for name, new in sorted(by_field.items())
        ]

    async def _keep(
        self, connection: AsyncConnection, about: About, held: Mapping[Statement, int], retained: frozenset[Statement]
    ) -> None:
        gone = [row for statement, row in held.items() if statement not in retained]
        if gone:
            await connection.execute(table.delete().where(table.c.sequence.in_(gone)))
        new = [_columns(about.scope, about.contact.contact_id, one) for one in retained if one not in held]
        if new:
            await connection.execute(table.insert(), new)

    async def _checked(self, connection: AsyncConnection, scope: Scope, contact: Contact, outcome: Outcome) -> Outcome:
        """Leave a customer id with the contact that has it: a person has to decide who is who."""
        kept = outcome.kept
        if kept is None or kept.field != "customer_id" or outcome.value == contact.customer_id:
            return outcome
        other = await contact_rows.find(connection, scope.tenant_id, ContactKey("customer_id", str(outcome.value)))
        if other is None or other.contact_id == contact.contact_id:
            return outcome
        return Outcome(contact.customer_id, None, (Overruled(kept, "taken"), *outcome.overruled))


class ChangesOnly:
    """Takes of what business systems say only what they did not say before.

    They tell when a contact changed there, not which of its values did: a name that changes there must not make a
    telephone number that a person has put right meanwhile look new.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def take(
        self, connection: AsyncConnection, scope: Scope, contact: Contact, statements: Iterable[Statement]
    ) -> Contact:
        """Take what is new of it in, as `Statements.take` does."""
        amounts = await self._see(connection, scope, contact, list(statements))
        return await self._statements.take(connection, scope, contact, amounts, instead=True)

    async def create(
        self, connection: AsyncConnection, scope: Scope, statements: Iterable[Statement], contact_id: str = ""
    ) -> Contact:
        """Make a contact, as `Statements.create` does."""
        told = list(statements)
        contact = await self._statements.create(connection, scope, told, contact_id)
        await self._see(connection, scope, contact, told)
        return contact

    async def _see(
        self, connection: AsyncConnection, scope: Scope, contact: Contact, told: Sequence[Statement]
    ) -> list[Statement]:
        rows = await _rows(connection, scope.tenant_id, contact.contact_id, None)
        held = list(map(_statement, rows))
        amounts: list[Statement] = []
        for source in sorted({one.source for one in told}):
            mine = [one for one in held if one.source == source]
            new = [one for one in told if one.source == source]
            amounts += await sightings.see(connection, scope, contact.contact_id, mine, new)
        return amounts


def _beside(held: Iterable[Statement], new: Iterable[Statement], instead: bool) -> list[Statement]:
    """Return what stays of what is kept: of sources that say all anew, nothing."""
    anew = {one.source for one in new} if instead else set()
    return [one for one in held if one.source not in anew]


def _by_field(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    by_field: dict[str, list[Statement]] = {}
    for statement in statements:
        by_field.setdefault(statement.field, []).append(statement)
    return by_field


def _with(contact: Contact, outcomes: Mapping[str, Outcome]) -> Contact:
    """Return the contact with the values that are said; a field that waits without one stays as it is."""
    values: dict[str, Any] = {}
    for name in FIELDS & outcomes.keys():
        outcome = outcomes[name]
        if outcome.kept is None and outcome.waits:
            continue
        given = outcome.value if isinstance(outcome.value, tuple) else (outcome.value,) if outcome.value else ()
        values[name] = given if isinstance(getattr(contact, name), tuple) else ", ".join(given)
    return replace(contact, **values)


def _known(contact: Contact, name: str) -> list[Statement]:
    # The language and the region of a contact nobody said any of are those of whoever wrote it first.
    value = getattr(contact, name) if name in FIELDS - {"language", "region"} else ""
    return [Statement(name, KNOWN, value, _LONG_AGO, f"known.{contact.contact_id}")] if value else []


async def _held(
    connection: AsyncConnection, tenant_id: str, contact_id: str, names: Iterable[str]
) -> dict[str, dict[Statement, int]]:
    """Return what is kept of fields, and in which row."""
    held: dict[str, dict[Statement, int]] = {name: {} for name in names}
    for row in await _rows(connection, tenant_id, contact_id, sorted(held)):
        held[row.field][_statement(row)] = row.sequence
    return held


async def _rows(
    connection: AsyncConnection, tenant_id: str, contact_id: str, names: Sequence[str] | None
) -> Sequence[sa.Row[Any]]:
    mine = [table.c.tenant_id == tenant_id, table.c.contact_id == contact_id]
    if names is not None:
        mine.append(table.c.field.in_(names))
    return (await connection.execute(sa.select(table).where(*mine))).all()


def _statement(row: sa.Row[Any]) -> Statement:
    value = tuple(row.value) if isinstance(row.value, list) else row.value
    return Statement(row.field, row.source, value, row.changed_at, row.statement_id, row.confidence)


def _columns(scope: Scope, contact_id: str, statement: Statement) -> dict[str, object]:
    return {
        "tenant_id": scope.tenant_id,
        "region": scope.region,
        "correlation_id": scope.correlation_id,
        "language": scope.language,
        "contact_id": contact_id,
        "field": statement.field,
        "source": statement.source,
        "statement_id": statement.statement_id,
        "value": list(statement.value) if isinstance(statement.value, tuple) else statement.value,
        "changed_at": statement.changed_at,
        "confidence": statement.confidence,
        "taken_at": datetime.now(UTC),
    }
