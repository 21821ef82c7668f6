"""What a text means: the domain of the understanding service, and what an engine is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IntentCandidate:
    """A meaning a text may have; `confidence` is the probability that it is right."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class FurtherIntent:
    """What a part of a text means besides the text's first meaning: `text[start_char:end_char]`."""

    intent: IntentCandidate
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its place on the audio clock, in seconds since the session began."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of information a text names.

    Attributes:
        type: "date", "time", "phone" and so on, or one of the domain's own.
        raw: the words as they were said: `text[start_char:end_char]`.
        value: the normal form (ISO 8601, E.164, "49.90 USD"...).
        confidence: the probability that type and value are right.
        alternatives: other readings of the same words, the likeliest first.
        start_s: beginning on the audio clock, where words with times were given.
        end_s: end on the audio clock, where words with times were given.
    """

    type: str
    raw: str
    value: str
    start_char: int
    end_char: int
    confidence: float
    alternatives: tuple[str, ...] = ()
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sentiment:
    """How the speaker feels, from -1 (bad) to 1 (good)."""

    score: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the conversation waits for: likely intents, and entity types, the one asked for first."""

    intents: tuple[str, ...] = ()
    entity_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """A text and all that its meaning depends on.

    Attributes:
        domain: name of the domain whose intents and entities are looked for.
        language: BCP 47 tag of the text.
        reference: aware moment that spoken dates are relative to, in the speaker's time zone.
        words: the text's words with their times, where it was spoken.
    """

    text: str
    domain: str
    language: str
    reference: datetime
    expectation: Expectation = Expectation()
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Parse:
    """What a text means.

    Attributes:
        intents: meanings that exclude each other, the likeliest first; empty when out of scope.
        further: what is wanted besides the first of them, in the order it was said.
    """

    intents: tuple[IntentCandidate, ...]
    out_of_scope: bool
    entities: tuple[Entity, ...]
    sentiment: Sentiment | None
    engine: str
    further: tuple[FurtherIntent, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """A domain that an engine can parse, and what may come of it."""

    name: str
    languages: tuple[str, ...]
    intents: tuple[str, ...]
    entity_types: tuple[str, ...]
    time_zone: str = "UTC"


class UnknownDomainError(LookupError):
    """The engine knows no domain of that name."""


class UnknownLanguageError(LookupError):
    """The domain does not speak the language; `supported` lists those it does."""

    def __init__(self, language: str, supported: Sequence[str]) -> None:
        super().__init__(language)
        self.language = language
        self.supported = tuple(supported)


class NluEngine(Protocol):
    """Text to meaning. `parse` may be called from several threads at once and may block."""

    @property
    def name(self) -> str:
        """The engine's name, as configured."""
        ...

    def domains(self) -> Mapping[str, DomainInfo]:
        """Return the domains it can parse, by name."""
        ...

    def parse(self, request: ParseRequest) -> Parse:
        """Return what a text means.

        Raises:
            UnknownDomainError: for a domain that `domains` does not list.
            UnknownLanguageError: for a language that the domain does not list.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; nothing is parsed afterwards."""
        ...
