"""Erasures in the gateway's database: asked for, acted upon, and how far each service is."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from voicemesh.events.v1.contact_events_pb2 import ContactChanged
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh.database import insert_once, scrub
from mesh.durations import to_timestamp
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, erasing
from services.crm_gateway.adapters.privacy_tables import erasure_progress, erasures
from services.crm_gateway.adapters.tables import contacts, emails, outbox, phones
from services.crm_gateway.model import Contact, ContactKey, Scope
from services.crm_gateway.privacy.model import (
    OWN,
    SERVICES,
    Erasure,
    Name,
    NameRefusedError,
    Progress,
    Subject,
    named,
)

_subjects = TypeAdapter(Subject)


class ErasureStore:
    """The database as erasures use it. Every method raises ``SQLAlchemyError`` while it is away."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox) -> None:
        self._engine = engine
        self._outbox = outbox

    async def subject(self, tenant_id: str, name: str) -> Subject:
        """Return all names of whom a name means; one that no contact has is a name that others may know.

        Raises:
            NameRefusedError: it can be nobody's name, or is that of several contacts; of an e-mail address, which
                the gateway alone knows, also that no contact has it.
        """
        async with self._engine.connect() as connection:
            # As it was given: ids, and numbers and addresses that somebody wrote down otherwise.
            for kind in ("contact_id", "customer_id"):
                contact = await contact_rows.find(connection, tenant_id, ContactKey(kind, name))
                if contact is not None:
                    return _subject(contact)
            meant = named(name)
            ids = await _with(connection, tenant_id, meant, name) if meant.kind != "id" else []
            if len(ids) > 1:
                raise NameRefusedError(
                    f"{len(ids)} contacts have {meant.value}: erase each that is meant by its id, {', '.join(ids)}"
                )
            contact = await contact_rows.find(connection, tenant_id, ContactKey("contact_id", ids[0])) if ids else None
        if contact is not None:
            return _subject(contact, meant.value if meant.kind == "phone" else "")
        if meant.kind == "email":
            raise NameRefusedError(f"no contact has the address {meant.value}: give a telephone number or an id")
        return Subject(phones=(meant.value,)) if meant.kind == "phone" else Subject((meant.value,), (meant.value,))

    async def preview(self, tenant_id: str, subject: Subject) -> Mapping[str, int]:
        """Count what would be erased here."""
        async with self._engine.connect() as connection:
            return await erasing.count(connection, tenant_id, subject)

    async def request(self, scope: Scope, erasure_id: str, subject: Subject, principal: str, purpose: str) -> None:
        """Write down that contacts are to be forgotten, and tell all services."""
        now = datetime.now(UTC)
        row = {
            **{name: getattr(scope, name) for name in ("tenant_id", "region", "correlation_id", "language")},
            "erasure_id": erasure_id,
            "principal": principal,
            "purpose": purpose,
            "subject": asdict(subject),
            "requested_at": now,
        }
        event = ErasureRequested(context=_context(row, erasure_id, now), erasure_id=erasure_id, **asdict(subject))
        async with self._outbox.transaction() as connection:
            await insert_once(connection, erasures, row, unique=["erasure_id"])
            await self._outbox.add(connection, event)

    async def work(self, before: datetime | None = None, erasure_id: str = "") -> int:
        """Forget, in the gateway, whom it was asked to; return how many erasures that were.

        Args:
            before: only what was asked for before; None: all.
            erasure_id: only this one; empty: all.
        """
        own = sa.select(erasure_progress.c.erasure_id).where(erasure_progress.c.service == OWN)
        query = sa.select(erasures).where(erasures.c.subject.is_not(None), erasures.c.erasure_id.not_in(own))
        query = query.where(erasures.c.requested_at <= before) if before is not None else query
        query = query.where(erasures.c.erasure_id == erasure_id) if erasure_id else query
        async with self._engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        for row in rows:
            await self._erase(row)
        return len(rows)

    async def _erase(self, row: Mapping[str, Any]) -> None:
        subject = _subjects.validate_python(row["subject"])
        now = datetime.now(UTC)
        async with self._outbox.transaction() as connection:
            # Of two processes one does it; the other waits here, and then finds it done.
            lock = sa.select(erasures.c.erasure_id).where(erasures.c.erasure_id == row["erasure_id"]).with_for_update()
            await connection.execute(lock)
            done = sa.select(erasure_progress.c.service).where(
                erasure_progress.c.erasure_id == row["erasure_id"], erasure_progress.c.service == OWN
            )
            if (await connection.execute(done)).first() is not None:
                return
            counts = await erasing.erase(connection, row["tenant_id"], subject)
            counts = {name: number for name, number in counts.items() if number}
            for contact_id in subject.contact_ids:
                await self._announce(connection, row, contact_id, now)
            context = _context(row, f"{row['erasure_id']}.{OWN}.{row['region']}", now)
            event = ErasureCompleted(context=context, erasure_id=row["erasure_id"], service=OWN, counts=counts)
            await self._outbox.add(connection, event)
            await self._note(connection, row["erasure_id"], OWN, now, counts)
        await scrub(self._engine)

    async def _announce(
        self, connection: AsyncConnection, row: Mapping[str, Any], contact_id: str, now: datetime
    ) -> None:
        """Have calls, and other processes' caches, look again at what is left of a contact."""
        mine = (contacts.c.tenant_id == row["tenant_id"], contacts.c.contact_id == contact_id)
        version = await connection.scalar(sa.select(contacts.c.version).where(*mine))
        context = _context(row, f"{row['erasure_id']}.changed.{contact_id}", now)
        context.customer.CopyFrom(CustomerReference(contact_id=contact_id))
        changed = ContactChanged(context=context, vendor="canonical", version=version or 0, gone=True)
        await self._outbox.add(connection, changed)

    async def completed(self, event: ErasureCompleted) -> None:
        """Write down that a service is done; the same again changes nothing."""
        at = event.context.occurred_at.ToDatetime(UTC)
        async with self._outbox.transaction() as connection:
            over = await self._note(connection, event.erasure_id, event.service, at, dict(event.counts))
        if over:
            await scrub(self._engine)

    async def _note(
        self, connection: AsyncConnection, erasure_id: str, service: str, at: datetime, counts: Mapping[str, int]
    ) -> bool:
        """Write down that a service is done; say whether all are now."""
        mine = erasures.c.erasure_id == erasure_id
        row = (await connection.execute(sa.select(erasures).where(mine).with_for_update())).mappings().first()
        if row is None:
            return False  # asked for by a gateway with another database
        values = {
            **{name: row[name] for name in ("tenant_id", "region", "correlation_id", "language")},
            "erasure_id": erasure_id,
            "service": service,
            "completed_at": at,
            "counts": dict(counts),
        }
        await insert_once(connection, erasure_progress, values, unique=["erasure_id", "service"])
        query = sa.select(erasure_progress.c.service).where(erasure_progress.c.erasure_id == erasure_id)
        if set((await connection.execute(query)).scalars()) >= set(SERVICES) and row["completed_at"] is None:
            now = datetime.now(UTC)
            await connection.execute(erasures.update().where(mine).values(completed_at=now, subject=None))
            # It names whom it concerned, and everybody has heard it.
            told = (outbox.c.event_id == erasure_id, outbox.c.published_at.is_not(None))
            await connection.execute(outbox.delete().where(*told))
            return True
        return False

    async def oldest_open(self) -> datetime | None:
        """Return when the oldest erasure was asked for that some service has not done; None: all are done."""
        query = sa.select(sa.func.min(erasures.c.requested_at)).where(erasures.c.completed_at.is_(None))
        async with self._engine.connect() as connection:
            oldest: datetime | None = await connection.scalar(query)
            return oldest

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure | None:
        """Return how far an erasure is; None: the tenant has no such."""
        query = sa.select(erasures).where(erasures.c.tenant_id == tenant_id, erasures.c.erasure_id == erasure_id)
        steps = sa.select(erasure_progress).where(erasure_progress.c.erasure_id == erasure_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
            done = (await connection.execute(steps.order_by(erasure_progress.c.completed_at))).mappings().all()
        if row is None:
            return None
        told = {name: row[name] for name in ("erasure_id", "requested_at", "completed_at", "principal", "purpose")}
        return Erasure(**told, done=tuple(Progress(d["service"], d["completed_at"], d["counts"]) for d in done))


async def _with(connection: AsyncConnection, tenant_id: str, meant: Name, as_given: str) -> list[str]:
    """Return the ids of all contacts that have a number or an address."""
    table, column = (phones, phones.c.phone) if meant.kind == "phone" else (emails, sa.func.lower(emails.c.email))
    mine = (table.c.tenant_id == tenant_id, column.in_({meant.value, as_given}))
    query = sa.select(table.c.contact_id).where(*mine).distinct().order_by(table.c.contact_id)
    return list((await connection.execute(query)).scalars())


def _subject(contact: Contact, phone: str = "") -> Subject:
    customers = (contact.customer_id,) if contact.customer_id else ()
    return Subject((contact.contact_id,), customers, tuple(dict.fromkeys((*contact.phones, *filter(None, [phone])))))


def _context(row: Mapping[str, Any], event_id: str, at: datetime) -> EventContext:
    scope = {name: row[name] for name in ("tenant_id", "region", "correlation_id", "language")}
    return EventContext(event_id=event_id, occurred_at=to_timestamp(at), **scope)
