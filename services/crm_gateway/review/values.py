"""What a person types for a field, checked and put into its normal form. Pure."""

import re
import zoneinfo
from collections.abc import Callable
from datetime import date, time

import phonenumbers

from services.crm_gateway.review.escrow import TEXT

_LONGEST = 10_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class ValueRefusedError(ValueError):
    """A value that a field cannot have; the text says what it should be."""


def normal(kind: str, value: str) -> str:
    """Return a value in the normal form of its type; of a type without rules, the text without the space around it.

    Raises:
        ValueRefusedError: it is no such thing.
    """
    text = value.strip()
    if len(text) > _LONGEST or "\x00" in text:
        raise ValueRefusedError(f"must be at most {_LONGEST} characters without U+0000")
    check = _CHECKS.get(kind)
    return check(text) if check and text else text


def type_of(field: str, entity_type: str) -> str:
    """Return what a field's values are: by the type of the slot it was filled from, else by its own name."""
    return next((kind for kind in (entity_type, field) if kind in _CHECKS), TEXT)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueRefusedError("must be a day such as 2026-11-26") from None


def _time(text: str) -> str:
    try:
        read = time.fromisoformat(text)
    except ValueError:
        raise ValueRefusedError("must be a time of day such as 10:00") from None
    if read.tzinfo is not None:
        raise ValueRefusedError("must be a local time of day such as 10:00, without a time zone")
    return read.isoformat(timespec="minutes" if not read.second and not read.microsecond else "seconds")


def _time_zone(text: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise ValueRefusedError("must be an IANA time zone such as America/New_York")
    return text


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ValueRefusedError("must be a telephone number with its country's code, such as +15550123456")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text) or len(text) > 320:
        raise ValueRefusedError("must be an e-mail address")
    return text


_CHECKS: dict[str, Callable[[str], str]] = {
    "date": _date,
    "time": _time,
    "time_zone": _time_zone,
    "phone": _phone,
    "email": _email,
}
