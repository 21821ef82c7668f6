"""The events of what was taken in."""

from collections.abc import Sequence
from datetime import datetime

from voicemesh.events.v1.contact_events_pb2 import ContactChanged, DealClosed, ItemChanged
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.durations import to_timestamp
from services.crm_gateway.model import Contact, Scope
from services.crm_gateway.sync_in.model import VendorItem


def contact_changed(
    scope: Scope,
    contact: Contact,
    *,
    vendor: str,
    fields: Sequence[str],
    event_id: str,
    changed_at: datetime,
    gone: bool = False,
) -> ContactChanged:
    """Say that a contact changed. `event_id` must be the same each time this is said of the same change."""
    context = _context(scope, contact, event_id, changed_at)
    return ContactChanged(context=context, vendor=vendor, fields=fields, version=contact.version, gone=gone)


def item_changed(scope: Scope, contact: Contact | None, vendor: str, item: VendorItem, event_id: str) -> ItemChanged:
    """Say that an item changed."""
    return ItemChanged(
        context=_context(scope, contact, event_id, item.changed_at),
        vendor=vendor,
        item_id=item.item_id,
        kind=item.kind,
        state=item.state,
        open=item.open and not item.gone,
        title=item.title,
    )


def deal_closed(scope: Scope, contact: Contact | None, vendor: str, deal: VendorItem, event_id: str) -> DealClosed:
    """Say that a deal was closed."""
    return DealClosed(
        context=_context(scope, contact, event_id, deal.changed_at),
        vendor=vendor,
        item_id=deal.item_id,
        outcome=deal.state,
        amount=deal.amount,
        currency=deal.currency,
    )


def _context(scope: Scope, contact: Contact | None, event_id: str, occurred_at: datetime) -> EventContext:
    customer = CustomerReference()
    if contact is not None:
        customer.contact_id, customer.customer_id = contact.contact_id, contact.customer_id
        customer.phone = contact.phones[0] if contact.phones else ""
    return EventContext(
        event_id=event_id,
        occurred_at=to_timestamp(occurred_at),
        tenant_id=scope.tenant_id,
        region=scope.region,
        correlation_id=scope.correlation_id,
        language=(contact.language if contact else "") or scope.language,
        customer=customer,
    )
