"""What the simulated business system tells of changes, by webhook and by `/changes`: the same documents."""

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from services.crm_gateway.sync_in import reading
from services.crm_gateway.sync_in.model import (
    DEAL,
    Page,
    UnreadableChangeError,
    VendorChange,
    VendorContact,
    VendorItem,
)


class _Item(BaseModel):
    """What all documents have."""

    id: str
    external_id: str
    revision: int
    updated_at: str
    deleted: bool = False
    contact_id: str | None = None
    title: str = ""
    state: str = ""
    open: bool = True


class _Contact(_Item):
    name: str
    customer_id: str = ""
    phones: list[str]
    emails: list[str]
    language: str = ""
    stage: str = ""
    do_not_contact: bool = False


class _Ticket(_Item):
    kind: str


class _Deal(_Item):
    amount: str = ""
    currency: str = ""


def page_of(document: Any) -> Page:
    """Return a page of `/changes`; a change in it that cannot be read holds nothing up.

    Raises:
        UnreadableChangeError: it is no page.
    """
    try:
        items, cursor, more = document["items"], str(document["next"]), bool(document["more"])
        changes, refused = list[VendorChange](), list[str]()
        for item in items:
            try:
                changes.append(change_of(item))
            except UnreadableChangeError as error:
                refused.append(str(error))
    except (KeyError, TypeError) as error:
        raise UnreadableChangeError(f"what it lists is no page of changes: {error!r}") from None
    return Page(tuple(changes), cursor, more, tuple(refused))


def change_in(body: bytes) -> VendorChange:
    """Return what a webhook says. Raises ``UnreadableChangeError``."""
    try:
        return change_of(json.loads(body))
    except ValueError as error:
        if isinstance(error, UnreadableChangeError):
            raise
        raise UnreadableChangeError("the body is no JSON") from None


def change_of(document: Any) -> VendorChange:
    """Return what one document says. Raises ``UnreadableChangeError``."""
    kind = document.get("type") if isinstance(document, dict) else None
    try:
        match kind:
            case "contact":
                return _contact(_Contact.model_validate(document["data"]))
            case "ticket":
                ticket = _Ticket.model_validate(document["data"])
                return _item(ticket, reading.line(ticket.kind, 64))
            case "deal":
                deal = _Deal.model_validate(document["data"])
                return _item(deal, DEAL, reading.amount(deal.amount), reading.currency(deal.currency))
    except KeyError:
        raise UnreadableChangeError(f"a {kind} without `data`") from None
    except ValidationError as error:
        # Where it is wrong, not what is there: that is personal data.
        places = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))
        raise UnreadableChangeError(f"a {kind} with wrong values: {places}") from None
    raise UnreadableChangeError("it tells neither of a contact, nor of a ticket or a deal: `type` says which")


def _contact(said: _Contact) -> VendorContact:
    return VendorContact(
        contact_id=said.id,
        changed_at=reading.moment(said.updated_at, "updated_at"),
        revision=said.revision,
        external_id=said.external_id,
        customer_id=reading.line(said.customer_id, 128),
        display_name=reading.line(said.name, 200),
        phones=reading.phones(said.phones),
        emails=reading.emails(said.emails),
        language=reading.language(said.language),
        stage=reading.line(said.stage, 64),
        suppressed=said.do_not_contact,
        gone=said.deleted,
    )


def _item(said: _Item, kind: str, amount: str = "", currency: str = "") -> VendorItem:
    return VendorItem(
        item_id=said.id,
        kind=kind,
        changed_at=reading.moment(said.updated_at, "updated_at"),
        revision=said.revision,
        contact_id=said.contact_id or "",
        record_id=said.external_id if kind != DEAL else "",
        title=reading.line(said.title, 500),
        state=reading.line(said.state, 64),
        open=said.open,
        amount=amount,
        currency=currency,
        gone=said.deleted,
    )
