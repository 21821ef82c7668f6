"""Reading values of business systems into the canonical forms; for their adapters."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from services.crm_gateway.storable import is_storable, storable
from services.crm_gateway.sync_in.model import UnreadableChangeError

_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_SEPARATORS = re.compile(r"[\s().\-/]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LIMIT = 20


def moment(value: object, name: str) -> datetime:
    """Read a moment, ISO 8601 with a time zone.

    Raises:
        UnreadableChangeError: naming the value as `name`.
    """
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UnreadableChangeError(f"{name} is no moment in ISO 8601 with a time zone")
    return found


def phones(values: Iterable[str]) -> tuple[str, ...]:
    """Return the telephone numbers among them, E.164, at most 20; what has no country code is left out."""
    plain = (_SEPARATORS.sub("", value) for value in values)
    return tuple(dict.fromkeys(value for value in plain if _E164.fullmatch(value)))[:_LIMIT]


def emails(values: Iterable[str]) -> tuple[str, ...]:
    """Return the e-mail addresses among them, at most 20."""
    plain = (value.strip() for value in values)
    return tuple(dict.fromkeys(v for v in plain if _EMAIL.fullmatch(v) and is_storable(v) and len(v) <= 320))[:_LIMIT]


def language(value: str) -> str:
    """Return a BCP 47 tag; empty where it is none."""
    plain = value.strip().replace("_", "-")
    return plain if _LANGUAGE.fullmatch(plain) and len(plain) <= 35 else ""


def line(value: object, limit: int) -> str:
    """Return a text in one line, without what no database holds, cut at so many characters."""
    return " ".join(storable(str(value or "")).split())[:limit]


def currency(value: str) -> str:
    """Return an ISO 4217 code; empty where it is none."""
    plain = value.strip().upper()
    return plain if _CURRENCY.fullmatch(plain) else ""


def amount(value: object) -> str:
    """Return a decimal number as it is written without an exponent; empty where it is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    return f"{number:f}"[:32] if number.is_finite() else ""
