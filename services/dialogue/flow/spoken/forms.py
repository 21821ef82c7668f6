"""What every language says of values, and what the languages share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class SpokenForms(ABC):
    """Spoken forms of one language. Each takes a value in its normal form and gives words for the synthesiser."""

    tag: ClassVar[str]
    """The language's BCP 47 tag."""

    @abstractmethod
    def weekday(self, value: str) -> str:
        """ISO date to its weekday."""

    @abstractmethod
    def weekdays(self, value: str) -> str:
        """ISO date to the days of that name: "Thursdays"."""

    @abstractmethod
    def day(self, value: str) -> str:
        """ISO date to weekday, day and month."""

    @abstractmethod
    def ordinal(self, number: int) -> str:
        """A number as a place in a row."""

    @abstractmethod
    def clock(self, value: str) -> str:
        """ISO time to a time of day."""

    @abstractmethod
    def money(self, value: str) -> str:
        """A decimal with its currency to words; what is none stays as it is."""

    @abstractmethod
    def email(self, value: str) -> str:
        """An e-mail address with its signs as words."""

    @abstractmethod
    def either(self, values: Sequence[str]) -> str:
        """Values to "a, b or c"."""

    @abstractmethod
    def listed(self, values: Sequence[str]) -> str:
        """Values to "a, b and c"."""

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

    def first_name(self, value: str) -> str:
        """A person's name to its first name."""
        return value.split(maxsplit=1)[0] if value.strip() else value

    def filters(self) -> Mapping[str, Callable[..., str]]:
        """All forms by the name templates know them by."""
        forms = (
            self.weekday, self.weekdays, self.day, self.clock, self.spell, self.phone, self.money, self.email,
            self.first_name,
        )  # fmt: skip
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
