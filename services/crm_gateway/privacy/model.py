"""The domain of erasures. Pure: no stores, no clients."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ID = re.compile(r"[\w.:/=-]{1,128}")
_DIALLED = re.compile(r"[\d\s().-]*[\s().-][\d\s().-]*")
"""A number as it is dialled within a country."""

OWN = "crm"
SERVICES = (OWN, "dialogue", "consent")
"""Who holds something of a contact, and answers."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an erasure concerns, by all names they are known by."""

    contact_ids: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it names anybody."""
        return bool(self.contact_ids or self.customer_ids or self.phones)


class NameRefusedError(ValueError):
    """A name that nobody can have, or that several have; the text says what to give instead."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a contact is named by, as it is written down."""

    value: str
    kind: str
    """phone (E.164), email (folded) or id: a contact's or a customer's."""


def named(text: str) -> Name:
    """Read what a contact is named by: +1 (555) 012-3456 and +15550123456 are one number.

    Raises:
        NameRefusedError: it is no telephone number with its country, no e-mail address and no id.
    """
    text = text.strip()
    if text.startswith("+"):
        return Name(_e164(text), "phone")
    if _EMAIL.fullmatch(text):
        return Name(text.casefold(), "email")
    if _ID.fullmatch(text) and not _DIALLED.fullmatch(text):
        return Name(text, "id")
    raise NameRefusedError(
        f"{text!r} names nobody: give a contact's or a customer's id, an e-mail address, or a telephone number "
        "with + and its country's code, such as +15550123456"
    )


def _e164(text: str) -> str:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise NameRefusedError(f"{text!r} is no telephone number: give + and all its digits, such as +15550123456")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class Progress:
    """A service that is done."""

    service: str
    completed_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far an erasure is."""

    erasure_id: str
    requested_at: datetime | None
    completed_at: datetime | None
    principal: str
    purpose: str
    done: tuple[Progress, ...] = ()
