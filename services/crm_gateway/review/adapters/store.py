"""The review queue as those who review see and move it."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.ledger import lock_names
from services.crm_gateway.adapters.review_tables import draft_steps, drafts
from services.crm_gateway.adapters.tokens import make_token, read_token
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.corrections.model import Correction
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.model import NewRecord, RecordState
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.adapters.effects import Effect, effect_of
from services.crm_gateway.review.adapters.persons import Persons, accepted
from services.crm_gateway.review.adapters.rows import draft_of, step_of
from services.crm_gateway.review.model import (
    Decision,
    Draft,
    DraftNotFoundError,
    FieldRefusedError,
    Moved,
    Step,
    Waiting,
    Wanted,
    as_written,
    changed,
    check_version,
    corrected,
    followed,
    moved,
    reviewed,
)

_Follow: TypeAlias = Callable[[AsyncConnection, Effect, Draft], Awaitable[list[Moved]]]


class ReviewStore:
    """Reads of drafts, and decisions: each one transaction, in which all that follows from it is done."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox, rules: Rules) -> None:
        self._engine = engine
        self._outbox = outbox
        self._rules = rules
        self._drafts = Drafts(outbox)
        self._corrections = Corrections(outbox)
        self._persons = Persons(outbox, rules)

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[list[Draft], str]:
        """Return a page of drafts, the oldest first, and the next page's token (empty: there is none).

        Raises:
            ValueError: the token was not handed out.
        """
        statement = sa.select(drafts).where(drafts.c.tenant_id == tenant_id, *_conditions(wanted))
        if token:
            statement = statement.where(drafts.c.sequence > read_token(token))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement.order_by(drafts.c.sequence).limit(size + 1))).all()
        following = make_token(rows[size - 1].sequence) if len(rows) > size else ""
        return [draft_of(row) for row in rows[:size]], following

    async def get(self, tenant_id: str, sequence: int) -> tuple[Draft, Sequence[Step]]:
        """Return a draft and what happened to it, in order.

        Raises:
            DraftNotFoundError: the tenant has no such draft.
        """
        async with self._engine.connect() as connection:
            draft = await _read(connection, tenant_id, sequence)
            statement = sa.select(draft_steps).where(draft_steps.c.draft == sequence).order_by(draft_steps.c.version)
            return draft, [step_of(row) for row in (await connection.execute(statement)).all()]

    async def accept(
        self, tenant_id: str, sequence: int, decision: Decision, values: Mapping[str, str] | None = None
    ) -> Draft:
        """Say yes to a draft, with other values where some are given; return it as it is then.

        What is applied already is put right by the values that are given, wherever it was written.

        Raises:
            DraftNotFoundError: the tenant has no such draft.
            VersionConflictError: it was moved since it was looked at.
            WrongStateError: it is no draft any more.
            FieldRefusedError: a field cannot have its value.
        """

        async def follow(connection: AsyncConnection, effect: Effect, draft: Draft) -> list[Moved]:
            if values and draft.state is RecordState.APPLIED:
                return [await self._correct(connection, draft, decision, values)]
            after, step = reviewed(draft, decision, values)
            after = await self._persons.settle(connection, draft, after, decision)
            steps = [(after, step)]
            contact = await self._drafts.contact_of(connection, after)
            if await effect.accept(connection, after, contact):
                steps.append(moved(after, RecordState.APPLIED, Decision(draft.vendor, decision.at)))
            if step.changes and await self._drafts.is_elsewhere(connection, draft):
                # Another business system was content with less: it has what was wrong.
                await self._put_right(connection, draft, after, decision)
            return steps

        return await self._decide(tenant_id, sequence, decision, follow, values)

    async def _correct(
        self, connection: AsyncConnection, draft: Draft, decision: Decision, values: Mapping[str, str]
    ) -> Moved:
        after, step = corrected(draft, decision, values)
        after = await self._persons.settle(connection, draft, after, decision)
        await self._put_right(connection, draft, after, decision)
        return after, step

    async def _put_right(self, connection: AsyncConnection, draft: Draft, after: Draft, decision: Decision) -> None:
        """Put right what other business systems have, and their drafts that were decided on."""
        name = f"draft.{draft.vendor}.{draft.record.record_id}.{after.version}"
        correction = Correction(name, by=decision.by, at=decision.at, reason=decision.note)
        wrong, right = as_written(draft.record), as_written(after.record)
        await self._corrections.correct_record(connection, wrong, right, correction)
        for other in await self._drafts.beside(connection, draft):
            follows = followed(other, wrong, right, decision)
            if follows is not None:
                await self._drafts.move(connection, [follows])

    async def reject(self, tenant_id: str, sequence: int, decision: Decision) -> Draft:
        """Say no to a draft; return it as it is then. Raises as `accept` does."""

        async def follow(connection: AsyncConnection, effect: Effect, draft: Draft) -> list[Moved]:
            step = moved(draft, RecordState.REJECTED, decision)
            await effect.reject(connection, draft)
            return [step]

        return await self._decide(tenant_id, sequence, decision, follow)

    async def _decide(
        self,
        tenant_id: str,
        sequence: int,
        decision: Decision,
        follow: _Follow,
        values: Mapping[str, str] | None = None,
    ) -> Draft:
        async with self._outbox.transaction() as connection:
            seen = await _read(connection, tenant_id, sequence)
            # The order in which the sync process takes its locks, too: neither then waits for the other.
            await contact_rows.hold(connection, tenant_id, _lock_names(seen.record, values))
            draft = await self._drafts.locked(connection, tenant_id, sequence)
            check_version(draft, decision.version)
            steps = await follow(connection, effect_of(self._outbox, draft.vendor, self._rules), draft)
            await self._drafts.move(connection, steps)
        return steps[-1][0]

    async def waiting(self) -> list[Waiting]:
        """Count the drafts of all tenants that wait for a person, by business system and kind."""
        statement = (
            sa.select(drafts.c.vendor, drafts.c.kind, sa.func.count().label("count"), sa.func.min(drafts.c.made_at))
            .where(drafts.c.state == RecordState.DRAFT)
            .group_by(drafts.c.vendor, drafts.c.kind)
        )
        async with self._engine.connect() as connection:
            return [Waiting(*row) for row in (await connection.execute(statement)).all()]


def _lock_names(record: NewRecord, values: Mapping[str, str] | None) -> list[str]:
    """Return what to hold: of the customer as known, and of the one a decision may make known."""
    names = lock_names(record)
    # A value that is refused is refused when its turn comes: others may have to be told something else first.
    with contextlib.suppress(FieldRefusedError):
        record, _ = changed(record, values or {})
        names += lock_names(replace(record, customer=accepted(record)))
    return names


async def _read(connection: AsyncConnection, tenant_id: str, sequence: int) -> Draft:
    statement = sa.select(drafts).where(drafts.c.tenant_id == tenant_id, drafts.c.sequence == sequence)
    row = (await connection.execute(statement)).first()
    if row is None:
        raise DraftNotFoundError(sequence)
    return draft_of(row)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    given = ((drafts.c.vendor, wanted.vendor), (drafts.c.kind, wanted.kind), (drafts.c.session_id, wanted.session_id))
    conditions: list[sa.ColumnElement[bool]] = [column == value for column, value in given if value]
    if wanted.states:
        conditions.append(drafts.c.state.in_(wanted.states))
    if wanted.made_before is not None:
        conditions.append(drafts.c.made_at <= wanted.made_before)
    return conditions
