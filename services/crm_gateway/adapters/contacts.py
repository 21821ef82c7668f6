"""The canonical contact store on SQLAlchemy: what the hot path reads and changes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh.bus import new_event_id
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, context_rows
from services.crm_gateway.adapters.statements import FIELDS, Statements
from services.crm_gateway.adapters.tables import contacts, records
from services.crm_gateway.adapters.tokens import make_token, read_token
from services.crm_gateway.canonical import is_suppressed, stage_of
from services.crm_gateway.conflicts.model import CONSOLE, Statement
from services.crm_gateway.conflicts.rules import Rules, load_rules
from services.crm_gateway.corrections.model import Correction, changed_names
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.events import record_written
from services.crm_gateway.model import (
    CallerContext,
    Contact,
    ContactConflictError,
    ContactKey,
    ContactNotFoundError,
    Record,
    RecordState,
    Scope,
)

_JUST_BEFORE = timedelta(microseconds=1)


class ContactStore:
    """Reads and changes of a tenant's contacts; every one names the tenant.

    Args:
        rules: whose word counts of a contact; None: the bundled ones.
    """

    def __init__(self, engine: AsyncEngine, outbox: Outbox, rules: Rules | None = None) -> None:
        self._engine = engine
        self._outbox = outbox
        self._statements = Statements(rules or load_rules(None), outbox)
        self._corrections = Corrections(outbox)

    async def context(self, tenant_id: str, key: ContactKey) -> CallerContext:
        """Read what is known of a caller; nothing but the time for one nobody knows."""
        as_of = datetime.now(UTC)
        async with self._engine.connect() as connection:
            contact = await contact_rows.find(connection, tenant_id, key)
            if contact is None:
                return CallerContext(as_of)
            contact_id = contact.contact_id
            history = await context_rows.history(connection, tenant_id, contact_id)
            ours = await context_rows.open_records(connection, tenant_id, contact_id)
            links = await context_rows.vendor_links(connection, tenant_id, contact_id)
            theirs, closed = (
                await context_rows.vendor_items(connection, tenant_id, contact_id) if links else ((), False)
            )
            consents = await context_rows.consents_of(connection, tenant_id, contact.keys)
        prior = context_rows.prior(history)
        return CallerContext(
            as_of,
            contact,
            last_interaction=prior.summary,
            last_interaction_at=prior.last_at,
            open_items=theirs + ours,
            suppressed=history.opted_out or is_suppressed(consents, links),
            prior=prior,
            intent_stage=stage_of(
                open_items=len(theirs) + len(ours),
                done=closed or history.done,
                inquired=history.inquired,
                interactions=prior.count,
            ),
            consents=consents,
            links=links,
        )

    async def upsert(self, scope: Scope, given: Contact) -> tuple[Contact, bool]:
        """Make or change a contact; return it and whether it is new.

        Found by its id, else its customer id, else a telephone number. Empty fields stay as they are; what is given
        is a statement of the source "console", which by the bundled rules counts at once, and of a list replaces what
        others said. A `version` other than 0 must be the present one.

        Raises:
            ContactNotFoundError: the id is given and nobody has it.
            ContactConflictError: the version is not the present one, or the customer id is another contact's.
        """
        async with self._outbox.transaction() as connection:
            names = [contact_rows.lock_name(key) for key in given.keys if key.value]
            await contact_rows.hold(connection, scope.tenant_id, names)
            known = await _find_given(connection, scope.tenant_id, given)
            if known is None:
                if given.version:
                    raise ContactConflictError("version: the contact is not there; send version 0 to make it")
                said = _said(given, Contact(""), datetime.now(UTC))
                contact = await self._statements.create(connection, scope, said, given.contact_id)
            else:
                present = await self._statements.lock(connection, scope.tenant_id, known.contact_id)
                _check_version(present, given)
                contact = await self._change(connection, scope, present, given)
            event = record_written(
                scope,
                contact,
                vendor="canonical",
                kind="contact",
                record_id=contact.contact_id,
                source_event_id="",
                event_id=f"contact.{contact.contact_id}.{contact.version}",
            )
            await self._outbox.add(connection, event)
        return contact, known is None

    async def _change(self, connection: AsyncConnection, scope: Scope, present: Contact, given: Contact) -> Contact:
        """Take in what a person says of a contact; who has it otherwise is told."""
        now = datetime.now(UTC)
        at = await self._statements.moment(connection, scope.tenant_id, present.contact_id, sorted(FIELDS), now)
        said = _said(given, present, at)
        contact = await self._statements.take(connection, scope, present, said)
        names = changed_names(present, contact)
        if names:
            correction = Correction(f"console.{said[-1].statement_id}", CONSOLE, now)
            await self._corrections.correct_contact(connection, scope, contact, names, correction)
        return contact

    async def list_records(
        self, tenant_id: str, *, kind: str, session_id: str, contact_id: str, size: int, token: str
    ) -> tuple[Sequence[Record], str]:
        """Return a page of records, the newest first, and the next page's token (empty: there is none).

        Raises:
            ValueError: for a token that was not handed out.
        """
        statement = sa.select(records).where(records.c.tenant_id == tenant_id)
        for column, value in (("kind", kind), ("session_id", session_id), ("contact_id", contact_id)):
            if value:
                statement = statement.where(records.c[column] == value)
        if token:
            statement = statement.where(records.c.sequence < read_token(token))
        statement = statement.order_by(records.c.sequence.desc()).limit(size + 1)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        page = [_record(row) for row in rows[:size]]
        return page, make_token(page[-1].sequence) if len(rows) > size else ""


async def _find_given(connection: AsyncConnection, tenant_id: str, given: Contact) -> Contact | None:
    if given.contact_id:
        known = await contact_rows.find(connection, tenant_id, ContactKey("contact_id", given.contact_id))
        if known is None:
            raise ContactNotFoundError(given.contact_id)
        if given.customer_id:
            await _check_customer_id(connection, tenant_id, given)
        return known
    if given.customer_id:
        key = ContactKey("customer_id", given.customer_id)
        known = await contact_rows.find(connection, tenant_id, key)
        if known is not None:
            return known
    for phone in given.phones:
        known = await contact_rows.find(connection, tenant_id, ContactKey("phone", phone))
        # A number shared with a customer of another id is no reason to mix the two up.
        if known is not None and not (given.customer_id and known.customer_id):
            return known
    return None


async def _check_customer_id(connection: AsyncConnection, tenant_id: str, given: Contact) -> None:
    statement = sa.select(contacts.c.contact_id).where(
        contacts.c.tenant_id == tenant_id,
        contacts.c.customer_id == given.customer_id,
        contacts.c.contact_id != given.contact_id,
    )
    if (await connection.execute(statement)).first() is not None:
        raise ContactConflictError("customer_id: another contact has it; change that one, or leave the id out")


def _check_version(known: Contact, given: Contact) -> None:
    if given.version and given.version != known.version:
        raise ContactConflictError(
            f"version: the contact is at {known.version}, not {given.version}; look it up again and repeat the change"
        )


def _said(given: Contact, known: Contact, at: datetime) -> list[Statement]:
    """Return what a person says of a contact: whoever changes a value has seen the present one, which is said first."""
    statement_id = new_event_id()
    values = {name: value for name in sorted(FIELDS) if (value := getattr(given, name))}
    seen = [
        Statement(name, CONSOLE, old, at - _JUST_BEFORE, f"{statement_id}.seen")
        for name, value in values.items()
        if (old := getattr(known, name)) and old != value
    ]
    return [*seen, *(Statement(name, CONSOLE, value, at, statement_id) for name, value in values.items())]


def _record(row: sa.Row[Any]) -> Record:
    return Record(
        sequence=row.sequence,
        record_id=row.record_id,
        scope=Scope(row.tenant_id, row.region, row.correlation_id, row.language, row.session_id),
        kind=row.kind,
        state=RecordState(row.state),
        contact_id=row.contact_id or "",
        title=row.title,
        fields=row.fields,
        event_id=row.event_id,
        created_at=row.created_at,
        confidence=row.confidence,
    )
