"""How values sound when they are read aloud, a language each."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_CURRENCIES: Final = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
}


class English:
    """English spoken forms. Each takes a value in its normal form and gives words for the synthesiser."""

    tag: Final = "en"

    def weekday(self, value: str) -> str:
        """ISO date to "Thursday"."""
        return _WEEKDAYS[dt.date.fromisoformat(value).weekday()]

    def day(self, value: str) -> str:
        """ISO date to "Thursday, November 26th"."""
        date = dt.date.fromisoformat(value)
        return f"{_WEEKDAYS[date.weekday()]}, {_MONTHS[date.month - 1]} {self.ordinal(date.day)}"

    def ordinal(self, number: int) -> str:
        """A number to "1st", "2nd", "11th"."""
        ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"

    def clock(self, value: str) -> str:
        """ISO time to "10 in the morning", "3:30 in the afternoon", "noon"."""
        time = dt.time.fromisoformat(value)
        if (time.hour, time.minute) in {(0, 0), (12, 0)}:
            return "noon" if time.hour else "midnight"
        part = "in the morning" if time.hour < 12 else "in the afternoon"
        if time.hour >= 18:
            part = "in the evening"
        hour = (time.hour - 1) % 12 + 1
        return f"{hour}:{time.minute:02} {part}" if time.minute else f"{hour} {part}"

    def spell(self, value: str) -> str:
        """An order number to its characters: "A 4 5 1 2"."""
        return " ".join(character for character in value.upper() if character.isalnum())

    def phone(self, value: str) -> str:
        """An E.164 number to digits in groups: "+15550123456" to "1 5 5 5, 0 1 2, 3 4 5 6"."""
        digits = re.sub(r"\D", "", value)
        head, tail = digits[:-4], digits[-4:]
        first = len(head) % 3
        groups = [head[:first]] if first else []
        groups += [head[index : index + 3] for index in range(first, len(head), 3)]
        if first and len(groups) > 1:  # a lone country code reads better with its first group
            groups[:2] = [groups[0] + groups[1]]
        return ", ".join(" ".join(group) for group in [*groups, tail] if group)

    def money(self, value: str) -> str:
        """A decimal with its currency to words: "49.90 USD" to "49 dollars and 90 cents"."""
        amount, _, currency = value.partition(" ")
        try:
            hundredths = int((Decimal(amount) * 100).to_integral_value())
        except InvalidOperation:
            return value
        if currency not in _CURRENCIES or hundredths < 0:
            return value
        one, many, cent, cents = _CURRENCIES[currency]
        whole, rest = divmod(hundredths, 100)
        words = f"{whole} {one if whole == 1 else many}"
        small = f"{rest} {cent if rest == 1 else cents}"
        if not rest:
            return words
        return f"{words} and {small}" if whole else small

    def email(self, value: str) -> str:
        """An e-mail address to "sarah at example dot com"."""
        return value.replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")

    def first_name(self, value: str) -> str:
        """A person's name to its first name."""
        return value.split(maxsplit=1)[0] if value.strip() else value

    def either(self, values: Sequence[str]) -> str:
        """Values to "a, b or c"."""
        return _join(values, "or")

    def listed(self, values: Sequence[str]) -> str:
        """Values to "a, b and c"."""
        return _join(values, "and")

    def filters(self) -> Mapping[str, Callable[..., str]]:
        """All forms by the name templates know them by."""
        forms = (self.weekday, self.day, self.clock, self.spell, self.phone, self.money, self.email, self.first_name)
        # str() of a name that is not defined says which one it is.
        filters: dict[str, Callable[..., str]] = {
            form.__name__: lambda value, form=form: form(str(value)) for form in forms
        }
        return filters | {"ordinal": self.ordinal, "either": self.either, "listed": self.listed}

    def of_type(self, entity_type: str, value: str) -> str:
        """The form a value of that entity type is read in when a flow says nothing else."""
        form = {
            "date": self.day,
            "time": self.clock,
            "order_number": self.spell,
            "phone": self.phone,
            "money": self.money,
            "email": self.email,
        }.get(entity_type)
        return form(value) if form else value.replace("_", " ")


def _join(values: Sequence[str], word: str) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"


_LANGUAGES: Final[Mapping[str, English]] = {English.tag: English()}


def spoken_forms(language: str) -> English | None:
    """The forms of a BCP 47 tag's language, or None where there are none yet."""
    return _LANGUAGES.get(language.partition("-")[0].lower())


def languages() -> tuple[str, ...]:
    """The languages there are spoken forms for."""
    return tuple(sorted(_LANGUAGES))


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
