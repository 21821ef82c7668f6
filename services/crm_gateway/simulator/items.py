"""What the simulated business system takes: contacts, tickets and deals, new ones and changes of them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.crm_gateway.simulator.model import Kind


class ItemIn(BaseModel):
    """What all have."""

    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=128)


class ContactIn(ItemIn):
    """A contact as it is sent."""

    name: str = Field("", max_length=200)
    customer_id: str = Field("", max_length=128)
    phones: list[str] = []
    emails: list[str] = []
    language: str = Field("", max_length=35)
    stage: str = Field("", max_length=64, description="how far the business has come with them, in its own words")
    do_not_contact: bool = False


class TicketIn(ItemIn):
    """A ticket as it is sent."""

    contact_id: str | None = None
    kind: str = Field(min_length=1, max_length=64)
    state: str = "applied"
    open: bool = True
    title: str = Field(max_length=500)
    fields: dict[str, str] = {}
    occurred_at: str = ""


class Batch(BaseModel):
    """Tickets that are sent together; each is looked at by itself."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, Any]] = Field(max_length=1000, description="each may have its own `idempotency_key`")


class Search(BaseModel):
    """Which tickets are asked for."""

    model_config = ConfigDict(extra="forbid")

    external_ids: list[str] = Field(max_length=1000)


class DealIn(ItemIn):
    """A deal as it is sent."""

    contact_id: str | None = None
    title: str = Field(max_length=500)
    state: str = Field("open", max_length=64, description="open, or a stage of the business's own; won, lost: closed")
    open: bool = True
    amount: str = Field("", max_length=32, pattern=r"^(-?\d+(\.\d+)?)?$")
    currency: str = Field("", max_length=3)


class _Change(BaseModel):
    """A change as it is sent: only what is named changes."""

    model_config = ConfigDict(extra="forbid")

    deleted: bool = False


class ContactChange(_Change):
    """A change of a contact."""

    name: str = Field("", max_length=200)
    customer_id: str = Field("", max_length=128)
    phones: list[str] = []
    emails: list[str] = []
    language: str = Field("", max_length=35)
    stage: str = Field("", max_length=64)
    do_not_contact: bool = False


class TicketChange(_Change):
    """A change of a ticket."""

    kind: str = Field("", min_length=1, max_length=64)
    state: str = ""
    open: bool = True
    title: str = Field("", max_length=500)
    fields: dict[str, str] = {}


class DealChange(_Change):
    """A change of a deal."""

    title: str = Field("", max_length=500)
    state: str = Field("", max_length=64)
    open: bool = True
    amount: str = Field("", max_length=32, pattern=r"^(-?\d+(\.\d+)?)?$")
    currency: str = Field("", max_length=3)


SHAPES: dict[Kind, tuple[type[ItemIn], type[_Change]]] = {
    "contacts": (ContactIn, ContactChange),
    "tickets": (TicketIn, TicketChange),
    "deals": (DealIn, DealChange),
}
"""Of a new one, and of a change."""
