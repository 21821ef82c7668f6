"""What a reader of one entity type is given, and what it returns."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.nlu.entities.text import SpokenText


@dataclass(frozen=True, slots=True)
class Context:
    """What the meaning of spoken information depends on.

    Attributes:
        reference: aware moment, in the speaker's time zone, that dates and times are relative to.
        expected: entity types that the conversation waits for.
        currency: ISO 4217 code of amounts that name none.
        phone_region: ISO 3166 code of the country of phone numbers that name none.
        area_code: completes local phone numbers; empty where unknown.
        order_number_pattern: regular expression over the letters and digits of an order number.
        first_names: in lower case.
        gazetteers: by entity type, by value: the words that mean it.
        vocabulary: lower-case words that are no names here.
    """

    reference: datetime
    expected: tuple[str, ...] = ()
    currency: str = "USD"
    phone_region: str = "US"
    area_code: str = ""
    order_number_pattern: str = "[A-Z]?[0-9]{3,10}"
    first_names: frozenset[str] = frozenset()
    gazetteers: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    vocabulary: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """A possible entity: `start` and `end` are places in the canonical text."""

    type: str
    start: int
    end: int
    value: str
    confidence: float
    alternatives: tuple[str, ...] = ()


Reader = Callable[[SpokenText, Context], Iterable[Found]]


def read_once(reader: Callable[[SpokenText, Context], Iterator[Found]]) -> Callable[[SpokenText, Context], list[Found]]:
    """Let a reader that others build upon read a text once, for it is asked several times.

    What it finds may depend on the reference moment and on what is expected, on nothing else of the context.
    """

    def read(text: SpokenText, context: Context) -> list[Found]:
        key = (reader, context.reference, context.expected)
        found: list[Found] | None = text.memory.get(key)
        if found is None:
            found = text.memory[key] = list(reader(text, context))
        return found

    return read
