"""The log of conflicts: a row for each disagreement that a rule settled, and one for each field that waits."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.bus import new_event_id
from mesh.outbox import Outbox
from services.crm_gateway.adapters.conflict_tables import conflicts as table
from services.crm_gateway.conflicts import metrics
from services.crm_gateway.conflicts.events import conflict_detected
from services.crm_gateway.conflicts.merging import Outcome, new_conflicts, same_question
from services.crm_gateway.conflicts.model import REVIEW, Conflict, ConflictState, Overruled, Statement
from services.crm_gateway.model import Contact, Scope

_statements = TypeAdapter(Statement)
_overruled = TypeAdapter(tuple[Overruled, ...])


@dataclass(frozen=True, slots=True)
class About:
    """One field of one contact, and on whose behalf it is looked at."""

    scope: Scope
    contact: Contact
    """As it is now."""
    field: str


class ConflictLog:
    """Writes down where sources disagree, and announces it."""

    def __init__(self, outbox: Outbox, rules_version: str) -> None:
        self._outbox = outbox
        self._rules_version = rules_version

    async def note(self, connection: AsyncConnection, about: About, before: Outcome, after: Outcome) -> None:
        """Compare what counted with what counts now.

        A disagreement that a rule settles is a row when it comes up. Of each field at most one row waits, with all who
        are overruled now; it ends when nobody has to be asked any more.
        """
        if before == after:
            return
        waiting = await self._waiting(connection, about)
        if after.waits:
            await self._wait(connection, about, after, waiting)
            return
        if waiting is not None:
            values = {"state": ConflictState.SETTLED, "settled_at": datetime.now(UTC), "version": waiting.version + 1}
            await connection.execute(table.update().where(table.c.sequence == waiting.sequence).values(**values))
        # What a person decided knowing the others is in the log already.
        if after.kept is None or after.kept.source == REVIEW:
            return
        for other in new_conflicts(before, after):
            outcome = Outcome(after.value, after.kept, (other,))
            await self._insert(connection, about, outcome, ConflictState.SETTLED)

    async def _wait(
        self, connection: AsyncConnection, about: About, after: Outcome, waiting: sa.Row[Any] | None
    ) -> None:
        if waiting is None:
            await self._insert(connection, about, after, ConflictState.WAITING)
            return
        known = conflict(waiting)
        # Who only says the same again asks nothing new.
        new = not same_question(Outcome(kept=known.kept, overruled=known.overruled), after)
        version = waiting.version + new
        values = {**_columns(after), "version": version, "rules_version": self._rules_version}
        await connection.execute(table.update().where(table.c.sequence == waiting.sequence).values(**values))
        if new:
            await self._announce(connection, about, after, waiting.conflict_id, version)

    async def _waiting(self, connection: AsyncConnection, about: About) -> sa.Row[Any] | None:
        statement = sa.select(table).where(
            table.c.tenant_id == about.scope.tenant_id,
            table.c.contact_id == about.contact.contact_id,
            table.c.field == about.field,
            table.c.state == ConflictState.WAITING,
        )
        return (await connection.execute(statement)).first()

    async def _insert(self, connection: AsyncConnection, about: About, outcome: Outcome, state: ConflictState) -> None:
        now, scope = datetime.now(UTC), about.scope
        conflict_id = new_event_id()
        row = {
            "conflict_id": conflict_id,
            "tenant_id": scope.tenant_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "contact_id": about.contact.contact_id,
            "field": about.field,
            "state": state,
            **_columns(outcome),
            "rules_version": self._rules_version,
            "version": 1,
            "detected_at": now,
            "settled_at": now if state is ConflictState.SETTLED else None,
            "resolved_by": "",
            "reason": "",
        }
        await connection.execute(table.insert().values(**row))
        metrics.CONFLICTS.labels(about.field, state).inc()
        await self._announce(connection, about, outcome, conflict_id)

    async def _announce(
        self, connection: AsyncConnection, about: About, outcome: Outcome, conflict_id: str, version: int = 1
    ) -> None:
        event = conflict_detected(
            about.scope,
            about.contact,
            conflict_id=conflict_id,
            field=about.field,
            outcome=outcome,
            version=version,
        )
        await self._outbox.add(connection, event)


def conflict(row: sa.Row[Any]) -> Conflict:
    """Return a row as the domain sees it."""
    return Conflict(
        conflict_id=row.conflict_id,
        sequence=row.sequence,
        scope=Scope(row.tenant_id, row.region, row.correlation_id, row.language),
        contact_id=row.contact_id,
        field=row.field,
        state=ConflictState(row.state),
        kept=_statements.validate_python(row.kept) if row.kept else None,
        overruled=_overruled.validate_python(row.overruled),
        rules_version=row.rules_version,
        version=row.version,
        detected_at=row.detected_at,
        settled_at=row.settled_at,
        resolved_by=row.resolved_by,
        reason=row.reason,
    )


def _columns(outcome: Outcome) -> dict[str, object]:
    return {
        "kept": _statements.dump_python(outcome.kept, mode="json") if outcome.kept else None,
        "overruled": _overruled.dump_python(outcome.overruled, mode="json"),
    }
