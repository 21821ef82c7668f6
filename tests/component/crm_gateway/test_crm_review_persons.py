"""What is doubted of who a caller is counts once a person has said yes to it, and as they said it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.common.v1.speech_pb2 import Slot
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh.bus import Delivery
from mesh.database import database, migrate
from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows, tables
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.adapters.review_tables import drafts
from services.crm_gateway.adapters.statements import Statements
from services.crm_gateway.conflicts.model import Statement
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.deliveries import Allowance
from services.crm_gateway.mapping import Mapper, load_mapping
from services.crm_gateway.model import Contact, ContactKey, Scope
from services.crm_gateway.review.adapters.drafts import Drafts
from services.crm_gateway.review.adapters.store import ReviewStore
from services.crm_gateway.review.model import Decision
from services.crm_gateway.sync.handlers import Sync
from services.crm_gateway.sync.intake import Intake
from services.crm_gateway.vendors.local import LocalCrm

RULES = load_rules(None)
NUMBER, OTHER = "+15550000001", "+15550000002"
SCOPE = Scope("clinic", "eu", "call-1", "en-US", "s1")


def a_wish(
    event_id: str = "e1", *, phone: str = NUMBER, name: float | None = 0.2, number: tuple[str, float] | None = None
) -> AppointmentRequested:
    """A caller of whom the line tells a number, if any; they say a name and perhaps a number, less or more sure."""
    context = EventContext(
        event_id=event_id,
        tenant_id="clinic",
        region="eu",
        correlation_id="call-1",
        language="en-US",
        session_id="s1",
        customer=CustomerReference(phone=phone),
    )
    slots = [Slot(name="name", value="Sandra Mueller", type="person_name", confidence=name)]
    if number is not None:
        slots.append(Slot(name="phone", value=number[0], type="phone", confidence=number[1]))
    return AppointmentRequested(context=context, service="cleaning", slots=slots)


@dataclass
class Here:
    """A database, one business system's intake, and the review queue."""

    engine: AsyncEngine
    outbox: Outbox
    vendor: str

    @property
    def review(self) -> ReviewStore:
        return ReviewStore(self.engine, self.outbox, RULES)

    async def hears(self, event: Message, *, vendor: str = "", below: float = 0.5) -> None:
        vendor = vendor or self.vendor
        mapper = Mapper(load_mapping(vendor, None), below, vendor)
        delivery = Delivery("e", "type", "subject", "source", None, 1, 1)
        if vendor == "local":
            sync = Sync(mapper, Ledger(self.outbox, RULES), LocalCrm(), Drafts(self.outbox))
            await sync.on_event(event, delivery)
            return
        queue = Deliveries(self.outbox, vendor, Allowance(0.0, 0.0))
        intake = Intake(mapper, self.outbox, queue, vendor, lambda: None, rules=RULES)
        await intake.on_events([(event, delivery)])

    async def contacts(self) -> list[tuple[str, tuple[str, ...]]]:
        async with self.engine.connect() as connection:
            ids = (await connection.execute(sa.select(tables.contacts.c.contact_id))).scalars().all()
            found = [await contact_rows.find(connection, "clinic", ContactKey("contact_id", one)) for one in ids]
        return sorted((contact.display_name, contact.phones) for contact in found if contact is not None)

    async def told(self, vendor: str) -> list[tuple[str, str, str]]:
        """Return kind, state and name of what lies in a business system's queue."""
        mine = sa.select(tables.deliveries).where(tables.deliveries.c.vendor == vendor)
        async with self.engine.connect() as connection:
            rows = (await connection.execute(mine.order_by(tables.deliveries.c.sequence))).all()
        names = [row.record["fields"].get("name") or row.record["fields"].get("display_name", "") for row in rows]
        return [(row.kind, row.state, name) for row, name in zip(rows, names, strict=True)]


@pytest.fixture(params=["local", "simulator"])
async def here(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Here]:
    await migrate(database_url, "services.crm_gateway")
    async with database(database_url) as engine:
        yield Here(engine, Outbox(engine, tables.outbox), request.param)


def decision() -> Decision:
    return Decision("ana", datetime.now(UTC))


async def test_a_doubtful_name_is_nobodys_until_a_person_says_yes(here: Here) -> None:
    await here.hears(a_wish())
    assert await here.contacts() == [("", (NUMBER,))]
    await here.review.accept("clinic", 1, decision())
    assert await here.contacts() == [("Sandra Mueller", (NUMBER,))]


async def test_a_doubtful_name_that_is_rejected_stays_nobodys(here: Here) -> None:
    await here.hears(a_wish())
    await here.review.reject("clinic", 1, decision())
    assert await here.contacts() == [("", (NUMBER,))]


async def test_a_name_that_is_put_right_is_the_contacts(here: Here) -> None:
    await here.hears(a_wish())
    await here.review.accept("clinic", 1, decision(), {"name": "Sarah Miller"})
    assert await here.contacts() == [("Sarah Miller", (NUMBER,))]
    # What the next call says does not undo what a person said.
    await here.hears(a_wish("e2", name=0.9))
    assert await here.contacts() == [("Sarah Miller", (NUMBER,))]


async def test_a_doubtful_number_finds_nobody(here: Here) -> None:
    async with here.outbox.transaction() as connection:
        statements = Statements(RULES, here.outbox)
        who = [Statement("phones", "console", (OTHER,), datetime.now(UTC), "x")]
        await statements.create(
            connection, SCOPE, [*who, Statement("display_name", "console", "Bo", who[0].changed_at, "x")]
        )
    await here.hears(a_wish(phone="", name=0.2, number=(OTHER, 0.2)))
    assert await here.contacts() == [("Bo", (OTHER,))]
    draft = await here.review.accept("clinic", 1, decision(), {"phone": NUMBER, "name": "Sarah Miller"})
    assert await here.contacts() == [("Bo", (OTHER,)), ("Sarah Miller", (NUMBER,))]
    table = tables.records if here.vendor == "local" else tables.deliveries
    async with here.engine.connect() as connection:
        (row,) = (await connection.execute(sa.select(table))).all()
        (kept,) = (await connection.execute(sa.select(drafts.c.contact_id))).scalars()
    assert row.contact_id == draft.contact_id == kept != ""
    if here.vendor == "simulator":
        assert row.order_key == f"clinic/{row.contact_id}"
        assert (row.record["customer"]["name"], row.record["customer"]["phone"]) == ("Sarah Miller", NUMBER)


async def test_who_has_the_wrong_name_is_told_the_right_one(here: Here) -> None:
    # The other business system asks for less, and has it at once.
    await here.hears(a_wish(), vendor="webhook", below=0.1)
    await here.hears(a_wish())
    assert await here.contacts() == [("Sandra Mueller", (NUMBER,))]
    await here.review.accept("clinic", 1, decision(), {"name": "Sarah Miller"})
    assert await here.contacts() == [("Sarah Miller", (NUMBER,))]
    assert ("contact", "waiting", "Sarah Miller") in await here.told("webhook")
    assert [kind for kind, _, _ in await here.told("simulator")] == ["appointment"] * (here.vendor == "simulator")


async def test_what_is_applied_is_put_right_at_the_contact_too(here: Here) -> None:
    await here.hears(a_wish(number=(OTHER, 0.9), phone=""))
    await here.review.accept("clinic", 1, decision())
    assert await here.contacts() == [("Sandra Mueller", (OTHER,))]
    if here.vendor == "simulator":
        async with here.outbox.transaction() as connection:
            await Drafts(here.outbox).written(connection, "clinic", "simulator", "e1")
    await here.review.accept("clinic", 1, decision(), {"name": "Sarah Miller", "phone": NUMBER})
    assert await here.contacts() == [("Sarah Miller", (NUMBER,))]
    await here.review.accept("clinic", 1, decision(), {"name": "Sara Miller"})
    assert await here.contacts() == [("Sara Miller", (NUMBER,))]


async def test_a_name_that_a_business_system_gave_is_not_a_reviewers_to_change(here: Here) -> None:
    async with here.outbox.transaction() as connection:
        known: Contact = await Statements(RULES, here.outbox).create(
            connection,
            Scope("clinic", "eu", "before", "en-US"),
            [
                Statement("phones", "hubspot", (NUMBER,), datetime.now(UTC), "h"),
                Statement("display_name", "hubspot", "Bo Miller", datetime.now(UTC), "h"),
            ],
        )
    await here.hears(a_wish())
    draft = await here.review.accept("clinic", 1, decision(), {"name": "Sarah Miller"})
    assert draft.contact_id == known.contact_id
    assert draft.record.fields["name"] == "Sarah Miller"
    assert await here.contacts() == [("Bo Miller", (NUMBER,))]
