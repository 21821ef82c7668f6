"""Which values slots hold, whatever the language."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def normal_value(entity_type: str, value: str) -> str | None:
    """The value in the form slots hold, or None when it is no value of that type.

    Dates become YYYY-MM-DD and times HH:MM; numbers and money must have a decimal; the rest is trimmed.
    """
    value = value.strip()
    if not value or len(value) > 500:
        return None
    try:
        return _NORMAL.get(entity_type, str)(value)
    except (ValueError, InvalidOperation):
        return None


def hundredths(amount: str) -> int | None:
    """A decimal amount of money in hundredths of its unit; None when it is none, or negative."""
    try:
        found = int((Decimal(amount) * 100).to_integral_value())
    except (InvalidOperation, OverflowError, ValueError):
        return None
    return found if found >= 0 else None


def _date(value: str) -> str:
    return dt.date.fromisoformat(value).isoformat()


def _time(value: str) -> str:
    return dt.time.fromisoformat(value).strftime("%H:%M")


def _decimal(value: str) -> str | None:
    return value if Decimal(value.split(maxsplit=1)[0]).is_finite() else None


def _phone(value: str) -> str | None:
    return value if len(re.sub(r"\D", "", value)) >= 3 else None


_NORMAL: Final[Mapping[str, Callable[[str], str | None]]] = {
    "date": _date,
    "time": _time,
    "number": _decimal,
    "money": _decimal,
    "phone": _phone,
}
