"""English."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.spoken.forms import SpokenForms
from services.dialogue.flow.spoken.values import hundredths

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class English(SpokenForms):
    """English spoken forms."""

    tag = "en"

    def weekday(self, value: str) -> str:
        """ISO date to "Thursday"."""
        return _WEEKDAYS[dt.date.fromisoformat(value).weekday()]

    def weekdays(self, value: str) -> str:
        """ISO date to "Thursdays"."""
        return f"{self.weekday(value)}s"

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

    def money(self, value: str) -> str:
        """A decimal with its currency to words: "49.90 USD" to "49 dollars and 90 cents"."""
        amount, _, currency = value.partition(" ")
        total = hundredths(amount)
        if currency not in _CURRENCIES or total is None:
            return value
        one, many, cent, cents = _CURRENCIES[currency]
        whole, rest = divmod(total, 100)
        words = f"{whole} {one if whole == 1 else many}"
        small = f"{rest} {cent if rest == 1 else cents}"
        if not rest:
            return words
        return f"{words} and {small}" if whole else small

    def email(self, value: str) -> str:
        """An e-mail address to "sarah at example dot com"."""
        return value.replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")

    def either(self, values: Sequence[str]) -> str:
        """Values to "a, b or c"."""
        return _join(values, "or")

    def listed(self, values: Sequence[str]) -> str:
        """Values to "a, b and c"."""
        return _join(values, "and")


def _join(values: Sequence[str], word: str) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"
