"""What business systems say, taken into the canonical schema: each change once, whatever order they come in."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, vendor_rows
from services.crm_gateway.conflicts.model import Statement
from services.crm_gateway.model import Contact, ContactKey, Scope
from services.crm_gateway.sync_in.events import contact_changed, deal_closed, item_changed
from services.crm_gateway.sync_in.model import DEAL, VendorChange, VendorContact, VendorItem, place_of

_FIELDS = ("customer_id", "display_name", "phones", "emails", "language")


class Takes(Protocol):
    """Takes statements of a contact's fields and returns the contact as it is then; `adapters/statements.py`."""

    async def create(self, connection: AsyncConnection, scope: Scope, statements: Sequence[Statement]) -> Contact:
        """Make a contact of what is said."""

    async def take(
        self, connection: AsyncConnection, scope: Scope, contact: Contact, statements: Sequence[Statement]
    ) -> Contact:
        """Keep what is said, and merge it."""


@dataclass(frozen=True, slots=True)
class VendorChanges:
    """Takes in what one business system says, inside the caller's transaction."""

    vendor: str
    outbox: Outbox
    statements: Takes

    async def hold(self, connection: AsyncConnection, scope: Scope, changes: Sequence[VendorChange]) -> None:
        """Let nobody else take in the same, or make the same contacts, until the transaction ends."""
        names = [name for change in changes for name in _lock_names(self.vendor, change)]
        await contact_rows.hold(connection, scope.tenant_id, names)
        said = [change for change in changes if isinstance(change, VendorContact)]
        whose = await vendor_rows.contacts_meant(connection, scope.tenant_id, self.vendor, said)
        await contact_rows.lock(connection, scope.tenant_id, whose)

    async def take(self, connection: AsyncConnection, scope: Scope, change: VendorChange, *, first: bool) -> bool:
        """Take a change in; False: it says nothing new.

        Args:
            first: whether it is part of what was there before the mesh began to look.
        """
        if isinstance(change, VendorContact):
            return await self._take_contact(connection, scope, change)
        return await self._take_item(connection, scope, change, first=first)

    async def _take_contact(self, connection: AsyncConnection, scope: Scope, said: VendorContact) -> bool:
        tenant_id = scope.tenant_id
        link = await vendor_rows.link_of(connection, tenant_id, self.vendor, said.contact_id)
        before = await vendor_rows.contact_at(connection, tenant_id, link)
        if not vendor_rows.is_news(link, said):
            return before is not None and await self._take_late(connection, scope, said, before)
        if before is None:
            before = await vendor_rows.find_contact(connection, tenant_id, self.vendor, said)
        if before is None and said.gone:
            # Remembered, so that an older change does not bring them back.
            await vendor_rows.write_link(connection, scope, self.vendor, said, None)
            return True
        told = self._statements(scope, said)
        if before is None:
            contact = await self.statements.create(connection, scope, told)
        else:
            contact = await self.statements.take(connection, scope, before, told)
        await vendor_rows.write_link(connection, scope, self.vendor, said, contact)
        fields = _changed(before or Contact(""), contact)
        same = link is not None and (link.stage, link.suppressed, link.gone) == (said.stage, said.suppressed, said.gone)
        if fields or not same:
            await self._tell(connection, scope, said, contact, fields)
        return True

    async def _take_late(self, connection: AsyncConnection, scope: Scope, said: VendorContact, before: Contact) -> bool:
        """Take in what was said before something newer that came first: it may say since when that is so."""
        contact = await self.statements.take(connection, scope, before, self._statements(scope, said))
        fields = _changed(before, contact)
        if fields:
            await self._tell(connection, scope, said, contact, fields)
        return bool(fields)

    async def _tell(
        self, connection: AsyncConnection, scope: Scope, said: VendorContact, contact: Contact, fields: list[str]
    ) -> None:
        event = contact_changed(
            scope,
            contact,
            vendor=self.vendor,
            fields=fields,
            event_id=_event_id(scope, self.vendor, said),
            changed_at=said.changed_at,
            gone=said.gone,
        )
        await self.outbox.add(connection, event)

    def _statements(self, scope: Scope, said: VendorContact) -> list[Statement]:
        """Return what is said of a contact's fields; nothing once they are gone there: that is no news of them."""
        if said.gone:
            return []
        statement_id = _event_id(scope, self.vendor, said)
        values = {name: getattr(said, name) for name in _FIELDS}
        return [
            Statement(name, self.vendor, value, said.changed_at, statement_id)
            for name, value in values.items()
            if value is not None
        ]

    async def _take_item(self, connection: AsyncConnection, scope: Scope, said: VendorItem, *, first: bool) -> bool:
        before = await vendor_rows.item_of(connection, scope.tenant_id, self.vendor, said)
        if not vendor_rows.is_news(before, said):
            return False
        contact = await vendor_rows.contact_linked(connection, scope.tenant_id, self.vendor, said.contact_id)
        await vendor_rows.write_item(connection, scope, self.vendor, said, contact)
        event_id = _event_id(scope, self.vendor, said)
        await self.outbox.add(connection, item_changed(scope, contact, self.vendor, said, event_id))
        was_open = before.is_open if before is not None else not first
        if said.kind == DEAL and was_open and not said.open and not said.gone:
            await self.outbox.add(connection, deal_closed(scope, contact, self.vendor, said, f"{event_id}.closed"))
        if before is not None and before.vendor_contact_id != said.contact_id:
            await self._tell_former(connection, scope, before.vendor_contact_id, said)
        return True

    async def _tell_former(
        self, connection: AsyncConnection, scope: Scope, vendor_contact_id: str, said: VendorItem
    ) -> None:
        """Let the calls of the contact hear of it to whom an item belonged before."""
        former = await vendor_rows.contact_linked(connection, scope.tenant_id, self.vendor, vendor_contact_id)
        if former is not None:
            event_id = f"{_event_id(scope, self.vendor, said)}.former"
            event = contact_changed(
                scope, former, vendor=self.vendor, fields=[], event_id=event_id, changed_at=said.changed_at
            )
            await self.outbox.add(connection, event)


def _changed(before: Contact, after: Contact) -> list[str]:
    return [name for name in _FIELDS if getattr(after, name) != getattr(before, name)]


def _event_id(scope: Scope, vendor: str, said: VendorChange) -> str:
    """Return the id of what is published of a change: the same each time it is taken in."""
    identifier = said.contact_id if isinstance(said, VendorContact) else f"{said.kind}/{said.item_id}"
    name = "\n".join((scope.tenant_id, vendor, identifier, said.changed_at.isoformat(), place_of(said)[1]))
    return f"change.{hashlib.sha256(name.encode()).hexdigest()}"


def _lock_names(vendor: str, change: VendorChange) -> list[str]:
    if isinstance(change, VendorItem):
        return [f"{vendor}:{change.kind}:{change.item_id}", f"{vendor}:{change.contact_id}"]
    keys = [ContactKey("contact_id", change.external_id), ContactKey("customer_id", change.customer_id or "")]
    keys += [ContactKey("phone", phone) for phone in change.phones or ()]
    return [f"{vendor}:{change.contact_id}", *(contact_rows.lock_name(key) for key in keys if key.value)]
