"""Whose a draft is, once a person has said yes to it: doubtful names and numbers count from then on, not before."""

from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.outbox import Outbox
from services.crm_gateway.adapters import contact_rows
from services.crm_gateway.adapters.conflict_tables import statements as said_table
from services.crm_gateway.adapters.ledger import Ledger
from services.crm_gateway.adapters.review_tables import drafts
from services.crm_gateway.adapters.tables import deliveries, records
from services.crm_gateway.conflicts.merging import plain
from services.crm_gateway.conflicts.model import CALL, REVIEW, Statement, Value
from services.crm_gateway.conflicts.rules import Rules
from services.crm_gateway.corrections.model import Correction
from services.crm_gateway.corrections.store import Corrections
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.events import contact_written
from services.crm_gateway.model import Contact, ContactKey, Customer, NewRecord
from services.crm_gateway.review.model import Decision, Draft

_FIELDS = {"name": "display_name", "phone": "phones"}
"""The contact's fields that a `Customer`'s values fill in."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What the reviewed record says of one field of its contact."""

    field: str
    wrong: str
    """What it said before; the same where nothing was changed."""
    right: str


class Persons:
    """Takes what a person said yes to into the contact, inside the transaction of the decision.

    Args:
        rules: whose word counts of a contact.
    """

    def __init__(self, outbox: Outbox, rules: Rules) -> None:
        self._outbox = outbox
        self._ledger = Ledger(outbox, rules)
        self._statements = self._ledger.statements
        self._corrections = Corrections(outbox)

    async def settle(self, connection: AsyncConnection, before: Draft, after: Draft, decision: Decision) -> Draft:
        """Return the draft with the customer a person said yes to; the contact is found, or made, and says so too.

        What the call said wrongly of the contact is put right, also in the business systems that have it so. What the
        business knows from elsewhere stays: there it is what a call says, and the rules decide.

        Args:
            before: the draft as it was, with the values that may be wrong.
        """
        record = replace(after.record, customer=accepted(after.record))
        after = replace(after, record=record)
        contact = await self._contact(connection, after)
        if contact is None:
            if not record.customer.known:
                return after
            contact = await self._ledger.contact_of(connection, record)
            if contact is None:
                return after
        if contact.contact_id != after.contact_id:
            await _link(connection, record, contact)
            after = replace(after, contact_id=contact.contact_id)
        await self._say(connection, contact, _words(before.record, record), after, decision)
        return after

    async def _contact(self, connection: AsyncConnection, draft: Draft) -> Contact | None:
        """Return the draft's contact, else whose the event is to another business system that doubted less."""
        scope, contact_id = draft.record.scope, draft.contact_id
        for table in (records, deliveries, drafts):
            if not contact_id:
                of_event = (table.c.tenant_id == scope.tenant_id, table.c.event_id == draft.record.event_id)
                known = sa.select(table.c.contact_id).where(*of_event, table.c.contact_id.is_not(None)).limit(1)
                contact_id = (await connection.execute(known)).scalar() or ""
        if not contact_id:
            return None
        return await contact_rows.find(connection, scope.tenant_id, ContactKey("contact_id", contact_id))

    async def _say(
        self, connection: AsyncConnection, contact: Contact, words: list[_Word], draft: Draft, decision: Decision
    ) -> None:
        record, step = draft.record, f"draft.{draft.vendor}.{draft.record.record_id}.{draft.version}"
        said: list[Statement] = []
        wrong: list[str] = []
        for word in words:
            is_wrong = word.wrong != word.right and await _says(connection, record, contact, word)
            if is_wrong:
                wrong.append(word.field)
            elif word.right in _values(contact, word.field):
                continue
            if is_wrong or (word.wrong != word.right and not _values(contact, word.field)):
                of_field = [word.field]
                at = await self._statements.moment(
                    connection, record.scope.tenant_id, contact.contact_id, of_field, decision.at
                )
                said.append(Statement(word.field, REVIEW, _put_right(contact, word), at, step))
            else:
                value: Value = (word.right,) if word.field == "phones" else word.right
                said.append(Statement(word.field, CALL, value, record.occurred_at, record.event_id))
        now = await self._statements.take(connection, record.scope, contact, said)
        if now.version == contact.version:
            return
        if wrong:
            correction = Correction(f"{step}.contact", by=decision.by, at=decision.at, reason=decision.note)
            await self._corrections.correct_contact(connection, record.scope, now, wrong, correction)
        await self._outbox.add(connection, contact_written(record.scope, now))


def accepted(record: NewRecord) -> Customer:
    """Return who a record's customer is once a person has said yes to what the caller said of them."""
    person = record.escrow.person if record.escrow else {}
    customer = record.customer
    if "name" in person:
        customer = replace(customer, name=record.fields.get(person["name"], ""), name_confidence=None)
    if "phone" in person:
        customer = replace(customer, phone=record.fields.get(person["phone"], ""), phone_confidence=None)
    return customer


def _words(before: NewRecord, after: NewRecord) -> list[_Word]:
    person = after.escrow.person if after.escrow else {}
    words = [_Word(_FIELDS[name], before.fields.get(of, ""), after.fields.get(of, "")) for name, of in person.items()]
    # Who takes a value out does not say what is right.
    return [word for word in words if word.right]


def _values(contact: Contact, field: str) -> tuple[str, ...]:
    return contact.phones if field == "phones" else tuple(filter(None, [contact.display_name]))


def _put_right(contact: Contact, word: _Word) -> Value:
    if word.field != "phones":
        return word.right
    numbers = [word.right if number == word.wrong else number for number in contact.phones]
    return tuple(dict.fromkeys(numbers)) or (word.right,)


async def _says(connection: AsyncConnection, record: NewRecord, contact: Contact, word: _Word) -> bool:
    """Whether a contact has the wrong value, and has it of this call: another call's is not for this one to change."""
    meant = plain(word.wrong)
    if meant not in map(plain, _values(contact, word.field)):
        return False
    of_call = sa.or_(
        said_table.c.statement_id == record.event_id, said_table.c.correlation_id == record.scope.correlation_id
    )
    statement = sa.select(said_table.c.value).where(
        said_table.c.tenant_id == record.scope.tenant_id,
        said_table.c.contact_id == contact.contact_id,
        said_table.c.field == word.field,
        said_table.c.source.in_((CALL, REVIEW)),
        of_call,
    )
    for value in (await connection.execute(statement)).scalars():
        if meant in map(plain, value if isinstance(value, list) else [value]):
            return True
    return False


async def _link(connection: AsyncConnection, record: NewRecord, contact: Contact) -> None:
    """Write down whose an event's drafts are that were nobody's: in the queue they then keep the contact's order."""
    scope = record.scope
    for table in (records, drafts, deliveries):
        mine = [table.c.tenant_id == scope.tenant_id, table.c.event_id == record.event_id, table.c.contact_id.is_(None)]
        values = {"contact_id": contact.contact_id}
        if table is deliveries:
            mine.append(deliveries.c.state == DeliveryState.DRAFT)
            values["order_key"] = f"{scope.tenant_id}/{contact.contact_id}"
        await connection.execute(table.update().where(*mine).values(**values))
