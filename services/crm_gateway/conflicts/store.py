"""The conflict log as persons see and decide it, on SQLAlchemy."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.outbox import Outbox
from services.crm_gateway.adapters.conflict_log import conflict as conflict_of
from services.crm_gateway.adapters.conflict_tables import conflicts as table
from services.crm_gateway.adapters.statements import FIELDS, Statements
from services.crm_gateway.adapters.tokens import make_token, read_token
from services.crm_gateway.conflicts.events import conflict_resolved
from services.crm_gateway.conflicts.merging import agree
from services.crm_gateway.conflicts.model import (
    REVIEW,
    Conflict,
    ConflictState,
    Decision,
    DecisionRefusedError,
    ResolvedConflictError,
    StaleConflictError,
    Statement,
    UnknownConflictError,
    Value,
    Wanted,
)
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.corrections.model import Correction
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.events import contact_written
from services.crm_gateway.model import Contact, Scope


class ConflictStore:
    """Reads of a tenant's conflicts, and decisions: each one transaction with all that follows from it."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox, rules: Rules) -> None:
        self._engine = engine
        self._outbox = outbox
        self._statements = Statements(rules, outbox)
        self._corrections = Corrections(outbox)

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[Sequence[Conflict], str]:
        """Return a page of conflicts, the newest first, and the next page's token (empty: there is none).

        Raises:
            ValueError: the token was not handed out.
        """
        statement = sa.select(table).where(table.c.tenant_id == tenant_id)
        for name in ("state", "contact_id", "field"):
            if value := getattr(wanted, name):
                statement = statement.where(table.c[name] == value)
        if token:
            statement = statement.where(table.c.sequence < read_token(token))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement.order_by(table.c.sequence.desc()).limit(size + 1))).all()
        following = make_token(rows[size - 1].sequence) if len(rows) > size else ""
        return [conflict_of(row) for row in rows[:size]], following

    async def get(self, tenant_id: str, conflict_id: str) -> Conflict:
        """Return a conflict. Raises ``UnknownConflictError``."""
        async with self._engine.connect() as connection:
            return conflict_of(await _row(connection, tenant_id, conflict_id))

    async def waiting(self) -> tuple[int, datetime | None]:
        """Count the conflicts of all tenants that wait for a person; and since when the oldest does."""
        statement = sa.select(sa.func.count(), sa.func.min(table.c.detected_at)).where(
            table.c.state == ConflictState.WAITING
        )
        async with self._engine.connect() as connection:
            count, since = (await connection.execute(statement)).one()
        return count, since

    async def resolve(self, scope: Scope, conflict_id: str, decision: Decision) -> tuple[Conflict, Contact]:
        """Make a person's decision a statement of the source "review"; return the conflict and the contact then.

        Business systems that have the contact are told what is right.

        Raises:
            UnknownConflictError: the tenant has no such conflict.
            StaleConflictError: it changed since the person looked at it.
            ResolvedConflictError: somebody decided it already.
            DecisionRefusedError: the field cannot have the value, or the source says nothing of it.
        """
        async with self._outbox.transaction() as connection:
            seen = await _row(connection, scope.tenant_id, conflict_id)
            # Whoever changes a contact's conflicts holds the contact.
            before = await self._statements.lock(connection, scope.tenant_id, seen.contact_id)
            conflict = conflict_of(await _row(connection, scope.tenant_id, conflict_id))
            _check(conflict, decision.version)
            said = await self._decided(connection, scope, conflict, decision)
            resolved = await _resolve(connection, conflict, decision)
            after = await self._statements.take(connection, scope, before, [said])
            _check_counts(after, said)
            correction = Correction(said.statement_id, decision.by, decision.at, decision.reason)
            await self._corrections.correct_contact(connection, scope, after, [conflict.field], correction)
            await self._outbox.add(connection, conflict_resolved(scope, after, resolved))
            if after.version != before.version:
                await self._outbox.add(connection, contact_written(scope, after))
        return resolved, after

    async def _decided(
        self, connection: AsyncConnection, scope: Scope, conflict: Conflict, decision: Decision
    ) -> Statement:
        """Return the decision as a statement, newer than all others of the field."""
        at = await self._statements.moment(
            connection, scope.tenant_id, conflict.contact_id, [conflict.field], decision.at
        )
        statement_id = f"review.{conflict.conflict_id}.{conflict.version}"
        return Statement(conflict.field, REVIEW, self._value(conflict, decision), at, statement_id)

    def _value(self, conflict: Conflict, decision: Decision) -> Value:
        if decision.source:
            every = [other.statement for other in conflict.overruled]
            every += [conflict.kept] if conflict.kept else []
            for statement in every:
                if statement.source == decision.source:
                    return statement.value
            names = ", ".join(sorted({statement.source for statement in every}))
            raise DecisionRefusedError("source", f"{decision.source} says nothing of it here; these do: {names}")
        if _is_list(conflict.field, self._statements.rules):
            return decision.values
        if len(decision.values) != 1:
            raise DecisionRefusedError("value", f"{conflict.field} is one text, not {len(decision.values)}; give one")
        return decision.values[0]


def _is_list(field: str, rules: Rules) -> bool:
    if field in FIELDS:
        return isinstance(getattr(Contact(""), field), tuple)
    return rules.of(field).strategy in {"union", "append"}


def _check(conflict: Conflict, version: int) -> None:
    if conflict.state is ConflictState.RESOLVED:
        raise ResolvedConflictError(
            f"{conflict.resolved_by} resolved it already; a value that is wrong all the same can be changed at the "
            "contact, with UpsertContact"
        )
    if conflict.version != version:
        raise StaleConflictError(
            conflict.version,
            f"the conflict is at version {conflict.version}, not {version}: the sources say something else now; look "
            "at it again and decide anew",
        )


def _check_counts(contact: Contact, said: Statement) -> None:
    if said.field not in FIELDS:
        return
    if agree(said, replace(said, value=getattr(contact, said.field))):
        return
    if said.field == "customer_id":
        raise DecisionRefusedError("value", "customer_id: another contact has that one; change that contact first")
    raise DecisionRefusedError(
        "value", f"{said.field}: by the conflict rules another source counts more than a person; change the rules"
    )


async def _resolve(connection: AsyncConnection, conflict: Conflict, decision: Decision) -> Conflict:
    values: dict[str, Any] = {
        "state": ConflictState.RESOLVED,
        "version": conflict.version + 1,
        "settled_at": decision.at,
        "resolved_by": decision.by,
        "reason": decision.reason,
    }
    await connection.execute(table.update().where(table.c.sequence == conflict.sequence).values(**values))
    return replace(conflict, **values)


async def _row(connection: AsyncConnection, tenant_id: str, conflict_id: str) -> sa.Row[Any]:
    statement = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.conflict_id == conflict_id)
    row = (await connection.execute(statement)).first()
    if row is None:
        raise UnknownConflictError(conflict_id)
    return row
