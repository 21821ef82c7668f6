"""How people of a language speak: the words that tell when a turn is over and what is no turn at all.

Data: `<domains>/common/<language>/turns.yaml`; a domain's own `<domain>/<language>/turns.yaml` adds to its lists.
Beside it may stand `endings.tsv`, see `endings.py`.
"""

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesh.config import ConfigError
from services.dialogue.turns.endings import read_weights

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_COMPOUND = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


class Habits(BaseModel):
    """The words of one language, in lower case and without punctuation."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    backchannels: frozenset[str] = frozenset()
    """Said while listening."""
    hesitations: frozenset[str] = frozenset()
    """Said while looking for words."""
    unfinished: frozenset[str] = frozenset()
    """A sentence that ends in one of these goes on."""
    openers: frozenset[str] = frozenset()
    """Said before what one has to say."""
    farewells: frozenset[str] = frozenset()
    """Said at the very end."""
    affirmations: frozenset[str] = Field(frozenset(), alias="yes")
    denials: frozenset[str] = Field(frozenset(), alias="no")
    characters: dict[str, int] = {}
    """How many digits or letters a word of a number stands for."""
    repeats: dict[str, int] = {}
    """How often a word lets the next character be repeated."""
    fillers: tuple[str, ...] = ()
    """Said while the answer takes long."""
    endings: dict[str, float] = {}
    """What the last words tell of whether an utterance is over: weights for `endings.probability`."""

    def joined(self, other: "Habits") -> "Habits":
        """Return these words and those of `other`."""
        return Habits(
            backchannels=self.backchannels | other.backchannels,
            hesitations=self.hesitations | other.hesitations,
            unfinished=self.unfinished | other.unfinished,
            openers=self.openers | other.openers,
            farewells=self.farewells | other.farewells,
            affirmations=self.affirmations | other.affirmations,
            denials=self.denials | other.denials,
            characters={**self.characters, **other.characters},
            repeats={**self.repeats, **other.repeats},
            fillers=other.fillers or self.fillers,
            endings=other.endings or self.endings,
        )


def words_of(text: str, *, compounds: bool = False) -> list[str]:
    """Return the words of a text in lower case; hyphens part words, unless `compounds` are kept."""
    return (_COMPOUND if compounds else _WORD).findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def made_of(words: list[str], *phrases: frozenset[str]) -> bool:
    """Return whether the words are nothing but phrases of these sets; False for no words."""
    known = frozenset().union(*phrases)
    longest = max((len(phrase.split()) for phrase in known), default=0)
    place = 0
    while place < len(words):
        for size in range(min(longest, len(words) - place), 0, -1):
            if " ".join(words[place : place + size]) in known:
                place += size
                break
        else:
            return False
    return bool(words)


class SpeechHabits:
    """Reads each file once.

    Args:
        folder: the folder of domains; None: the bundled ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder: Traversable = folder if folder is not None else resources.files("voicemesh_domains")
        self._load = cache(self._read)
        self._joined = cache(
            lambda domain, language: self._load("common", language).joined(self._load(domain, language))
        )

    def of(self, domain: str, language: str) -> Habits:
        """Return the words of a domain in a language; none where nothing is known of the language.

        Raises:
            ConfigError: when a file does not hold such words.
        """
        return self._joined(domain, language.partition("-")[0].lower())

    def _read(self, folder: str, language: str) -> Habits:
        path = self._folder / folder / language / "turns.yaml"
        endings = read_weights(self._folder / folder / language / "endings.tsv")
        if not path.is_file():
            return Habits(endings=endings)
        try:
            words = Habits.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML ({error}); see docs/turn-taking.md") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"{path}: {place}: {first['msg']}; quote words such as 'no' and 'on'") from error
        return words.model_copy(update={"endings": endings})
