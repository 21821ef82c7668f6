"""What a correction is, and what it makes of a record. Pure: no stores, no clients."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope

CONTACT = "contact"
"""The kind of a delivery that changes a contact instead of a record."""
LOCAL = "local"
"""The mesh's own records, among the business systems that are told."""
FIELDS = ("customer_id", "display_name", "phones", "emails", "language")
"""What business systems hold of a contact."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Something a person put right. `correction_id` is its idempotency key: one correction, one change everywhere."""

    correction_id: str
    """At most 128 letters, digits or ``. _ : -``."""
    by: str
    at: datetime
    reason: str = ""


def put_right(held: NewRecord, wrong: NewRecord, right: NewRecord) -> NewRecord:
    """Return what a business system's record should say; the same when nothing of it is wrong.

    What it holds may differ from `wrong`, by a mapping of its own: of its values those change that had the wrong value,
    and in its title where they stand as words by themselves.
    """
    if held.fields == wrong.fields and held.title == wrong.title:
        return replace(held, fields=dict(right.fields), title=right.title)
    fields, title = dict(held.fields), held.title
    for name, new in changed_fields(wrong, right).items():
        old = wrong.fields.get(name, "")
        if fields.get(name, "") != old or (not old and held.kind != wrong.kind):
            continue
        fields[name] = new
        if old and new:
            # In titles underscores are spaces.
            for before, after in ((old, new), (old.replace("_", " "), new.replace("_", " "))):
                # A backslash means something to `sub`.
                title = re.sub(rf"(?<!\w){re.escape(before)}(?!\w)", after.replace("\\", r"\\"), title)
    return replace(held, fields={name: value for name, value in fields.items() if value}, title=title)


def changed_fields(wrong: NewRecord, right: NewRecord) -> Mapping[str, str]:
    """Return the values that change; empty: it is taken out."""
    names = sorted({*wrong.fields, *right.fields})
    return {n: right.fields.get(n, "") for n in names if wrong.fields.get(n, "") != right.fields.get(n, "")}


def record_delivery(right: NewRecord, correction: Correction, corrects: str) -> NewRecord:
    """Return what changes a record in a business system.

    Args:
        corrects: the record's id there, else the id it was given here.
    """
    return replace(
        right,
        event_id=correction.correction_id,
        state=RecordState.APPLIED,
        corrects=corrects,
        closes="",
        escrow=None,
        reviewed=True,
    )


def contact_delivery(
    scope: Scope, contact: Contact, names: tuple[str, ...], correction: Correction, corrects: str
) -> NewRecord:
    """Return what changes a contact in a business system.

    Args:
        names: the fields that were wrong.
        corrects: the contact's id there, else the mesh's.
    """
    values = {name: value for name, value in values_of(contact).items() if name in names}
    return NewRecord(
        event_id=correction.correction_id,
        scope=scope,
        customer=Customer(contact_id=contact.contact_id),
        kind=CONTACT,
        state=RecordState.APPLIED,
        title="contact corrected",
        open=False,
        occurred_at=correction.at,
        fields={name: ", ".join(value) if isinstance(value, list) else value for name, value in values.items()},
        corrects=corrects,
        reviewed=True,
    )


def values_of(contact: Contact) -> dict[str, str | list[str]]:
    """Return what business systems hold of a contact, by field, as JSON has it."""
    values = {name: getattr(contact, name) for name in FIELDS}
    return {name: value if isinstance(value, str) else list(value) for name, value in values.items()}


def changed_names(before: Contact, after: Contact) -> tuple[str, ...]:
    """Return the fields of a contact that differ, of those that business systems hold."""
    return tuple(name for name in FIELDS if getattr(before, name) != getattr(after, name))
