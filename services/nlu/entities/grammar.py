"""What a language brings along, and where it is found: a folder here with a `grammar.py` that defines `GRAMMAR`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.nlu.entities.found import Reader

BUILT_IN_TYPES: Final = (
    "date",
    "time",
    "phone",
    "email",
    "money",
    "order_number",
    "person_name",
    "number",
    "date_range",
    "time_range",
    "duration",
    "quantity",
    "percentage",
    "ordinal",
    "address",
    "spelling",
)
"""The entity types that a domain may name without listing words for them."""

_NEVER: Final = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Speech:
    """How the words of a language become regular text.

    Attributes:
        numbers: the language's code in text2num; empty where number words stay words.
        no_numbers: words that text2num takes for numbers, and people seldom mean so.
        pairs: two words that are a number although the second is one of `no_numbers`: "twenty second".
        hundreds: words for 100; digits dictated behind them stand alone: "eight hundred, five five five".
        digits: the words for single digits.
        repeats: words that repeat the digit behind them: "double".
        fillers: pattern of sounds and words that mean nothing, "uh"; they are left out of the canonical text.
        stutters: pattern of words that people say twice and mean once: "the the".
        counted: pattern of what is counted; a number said twice before it is meant once: "twenty twenty minutes".
        respelled: words as they are also written, and as they are read here: {"veintitres": "veintitrés"}. In the
            canonical text only words of one length take each other's place.
    """

    numbers: str = ""
    no_numbers: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    hundreds: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()
    repeats: frozenset[str] = frozenset()
    fillers: str = ""
    stutters: str = ""
    counted: str = "(?!)"
    respelled: Mapping[str, str] = field(default_factory=dict, hash=False)


def _as_said(_old: str, _new: str) -> None:
    """Complete nothing."""


@dataclass(frozen=True, slots=True)
class Retractions:
    """How people of a language take back what they said; all patterns are for canonical text.

    Attributes:
        negation: ends directly before what is not meant: "not on ".
        rejection: begins directly behind what is not meant: " doesn't work".
        repair: stands before the new words: "no, I mean ".
        lead: what may stand between a repair and the new words: "on the ".
        limit: ends directly before a value that only bounds what is meant: "not before ".
        echo: all that stands between a value and the same value said again: ", yes, ".
        moved_from: ends directly before the old value: "from the ".
        moved_to: all that stands between the old and the new value: " to the ".
        completed: given the old words of an entity and the text behind a repair, returns the whole of what is meant
            now and how many characters of the new text it takes, or None: "june 5th", "6th please" is "june 6th", 3.
    """

    negation: re.Pattern[str] = _NEVER
    rejection: re.Pattern[str] = _NEVER
    repair: re.Pattern[str] = _NEVER
    lead: re.Pattern[str] = _NEVER
    limit: re.Pattern[str] = _NEVER
    echo: re.Pattern[str] = re.compile(r"^[\s,.!?-]*$")
    moved_from: re.Pattern[str] = _NEVER
    moved_to: re.Pattern[str] = _NEVER
    completed: Callable[[str, str], tuple[str, int] | None] = _as_said


@dataclass(frozen=True, slots=True)
class Grammar:
    """All that is read in one language.

    Attributes:
        language: primary language subtag, "en".
        readers: one for each kind of entity; what they find competes in `extract`.
    """

    language: str
    readers: tuple[Reader, ...]
    speech: Speech = field(default_factory=Speech)
    retractions: Retractions = field(default_factory=Retractions)


def languages() -> tuple[str, ...]:
    """Return the primary subtags of the languages that have a grammar."""
    return tuple(_modules())


@lru_cache(maxsize=64)
def grammar_of(language: str) -> Grammar:
    """Return the grammar for a BCP 47 tag: its primary language counts.

    A language without a grammar gets the neutral one, which finds the domain's own words and nothing else.
    """
    primary = language.lower().split("-")[0]
    module = _modules().get(primary)
    if module is None:
        from services.nlu.entities.gazetteers import read_gazetteers  # noqa: PLC0415 - readers need the text first

        return Grammar(primary, (read_gazetteers,))
    grammar: Grammar = importlib.import_module(module).GRAMMAR
    return grammar


@lru_cache(maxsize=1)
def _modules() -> Mapping[str, str]:
    """Return the module of each language's grammar, by primary subtag."""
    package = __name__.rpartition(".")[0]
    here = Path(__file__).parent
    folders = [found.name for found in pkgutil.iter_modules([str(here)]) if found.ispkg]
    return {name: f"{package}.{name}.grammar" for name in sorted(folders) if (here / name / "grammar.py").exists()}
