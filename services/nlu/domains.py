"""The domains' data: read from YAML, checked, merged; an error names file, key and remedy."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mesh.config import ConfigError
from services.nlu.entities.grammar import BUILT_IN_TYPES
from services.nlu.model import DomainInfo
from services.nlu.yaml_lines import Lines

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name: use lower-case letters, digits and underscores")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression ({error}); correct it") from error
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is no IANA time zone; write one such as America/New_York")
    return value


Name = Annotated[str, AfterValidator(_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PhoneData(_File):
    """How local phone numbers are completed: ISO country, and the area code of seven-digit ones."""

    region: str = Field("US", pattern=r"^[A-Z]{2}$")
    area_code: str = Field("", pattern=r"^\d*$")


class DomainFile(_File):
    """`<domain>/domain.yaml`."""

    name: Name
    description: str
    languages: list[str] = Field(min_length=1)
    includes: list[Name] = []
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    phone: PhoneData = PhoneData()
    entity_types: list[Name] = Field(min_length=1)


class IntentData(_File):
    """One intent of `<domain>/<language>/intents.yaml`."""

    keywords: list[str] = []
    patterns: list[Pattern] = []
    examples: list[str] = Field(min_length=1)


class IntentsFile(_File):
    """`<domain>/<language>/intents.yaml`."""

    intents: dict[Name, IntentData] = Field(min_length=1)
    out_of_scope: list[str] = []


class OrderNumberData(_File):
    """The form of order numbers, as a regular expression over their letters and digits."""

    pattern: Pattern = "[A-Z]?[0-9]{3,10}"


class PersonNameData(_File):
    """First names that count as names in lower case too."""

    first_names: list[str] = []


class EntitiesFile(_File):
    """`<domain>/<language>/entities.yaml`."""

    order_number: OrderNumberData | None = None
    person_name: PersonNameData = PersonNameData()
    gazetteers: dict[Name, dict[Name, list[str]]] = {}


@dataclass(frozen=True)
class LanguageData:
    """What a domain knows in one language, its included folders merged in."""

    intents: Mapping[str, IntentData]
    out_of_scope: tuple[str, ...]
    order_number_pattern: str
    first_names: frozenset[str]
    gazetteers: Mapping[str, Mapping[str, tuple[str, ...]]]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words that examples write in lower case: they are no people's names."""
        texts = [*(text for text, _ in self.labelled), *self.out_of_scope]
        words = frozenset(word for text in texts for word in _WORD.findall(text) if word.islower())
        return words - self.first_names

    @property
    def labelled(self) -> list[tuple[str, str]]:
        """The training examples as (text, intent), in the files' order."""
        return [(text, name) for name, intent in self.intents.items() for text in intent.examples]


@dataclass(frozen=True, slots=True)
class DomainData:
    """A domain with all its languages."""

    file: DomainFile
    folder: Path
    languages: Mapping[str, LanguageData]

    @property
    def info(self) -> DomainInfo:
        """The domain as the outside sees it."""
        names = dict.fromkeys(name for data in self.languages.values() for name in data.intents)
        return DomainInfo(
            name=self.file.name,
            languages=tuple(self.languages),
            intents=tuple(names),
            entity_types=tuple(self.file.entity_types),
            time_zone=self.file.time_zone,
        )


def bundled_domains() -> Path:
    """Return the folder of the domains that come with the project."""
    return Path(str(resources.files("voicemesh_domains")))


def load_domains(folder: Path) -> dict[str, DomainData]:
    """Read every domain under `folder`: each sub-folder that has a domain.yaml.

    Raises:
        ConfigError: naming file, key and remedy of everything that is wrong.
    """
    found = sorted(path.parent for path in folder.glob("*/domain.yaml"))
    if not found:
        raise ConfigError(f"{folder}: no domain found; VOICEMESH_DOMAINS_DIR must hold <domain>/domain.yaml")
    return {path.name: load_domain(path) for path in found}


def load_domain(folder: Path) -> DomainData:
    """Read one domain's folder.

    Raises:
        ConfigError: naming file, key and remedy of everything that is wrong.
    """
    path = folder / "domain.yaml"
    wrong: list[str] = []
    file = read_file(path, DomainFile)
    if file.name != folder.name:
        said = f"is {file.name!r}, but the folder is {folder.name!r}; make them the same"
        wrong.append(Lines(path).error(["name"], said))
    languages = {language: _language(folder, file, language, wrong) for language in file.languages}
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    return DomainData(file=file, folder=folder, languages=languages)


def _language(folder: Path, file: DomainFile, language: str, wrong: list[str]) -> LanguageData:
    """Read one language; what is wrong goes to `wrong`, and the rest is read."""
    folders = [*(folder.parent / name for name in file.includes), folder]
    intents_files = _readable([path / language / "intents.yaml" for path in folders], IntentsFile, wrong)
    entity_paths = [path for one in folders if (path := one / language / "entities.yaml").exists()]
    entity_files = _readable(entity_paths, EntitiesFile, wrong)
    gazetteers = {
        kind: {value: tuple(words) for value, words in values.items()}
        for entities in entity_files
        for kind, values in entities.gazetteers.items()
    }
    for place, kind in enumerate(file.entity_types):
        if kind not in BUILT_IN_TYPES and kind not in gazetteers and len(entity_files) == len(entity_paths):
            said = (
                f"{kind!r} is neither built in ({', '.join(BUILT_IN_TYPES)}) "
                f"nor a gazetteer; add it to {folder / language / 'entities.yaml'} or remove it"
            )
            wrong.append(Lines(folder / "domain.yaml").error(["entity_types", place], said))
    orders = [entities.order_number for entities in entity_files if entities.order_number is not None]
    return LanguageData(
        intents=_merged(intents_files),
        out_of_scope=tuple(text for part in intents_files for text in part.out_of_scope),
        order_number_pattern=orders[-1].pattern if orders else OrderNumberData().pattern,
        first_names=frozenset(name for entities in entity_files for name in entities.person_name.first_names),
        gazetteers=gazetteers,
    )


def _merged(files: Iterable[IntentsFile]) -> dict[str, IntentData]:
    merged: dict[str, IntentData] = {}
    for part in files:
        for name, intent in part.intents.items():
            before = merged.get(name)
            merged[name] = intent if before is None else _joined(before, intent)
    return merged


def _joined(one: IntentData, other: IntentData) -> IntentData:
    return IntentData(
        keywords=list(dict.fromkeys([*one.keywords, *other.keywords])),
        patterns=list(dict.fromkeys([*one.patterns, *other.patterns])),
        examples=list(dict.fromkeys([*one.examples, *other.examples])),
    )


FileT = TypeVar("FileT", bound=_File)


def _readable(paths: Iterable[Path], kind: type[FileT], wrong: list[str]) -> list[FileT]:
    files = []
    for path in paths:
        try:
            files.append(read_file(path, kind))
        except ConfigError as error:
            wrong.append(str(error))
    return files


def read_file(path: Path, kind: type[FileT]) -> FileT:
    """Read one file of a domain.

    Raises:
        ConfigError: naming file, line, key and remedy of everything that is wrong.
    """
    file = Lines(path)
    try:
        return kind.model_validate(file.content)
    except ValidationError as error:
        lines = [file.error(e["loc"], _remedy(e["type"], e["msg"])) for e in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None


def _remedy(kind: str, message: str) -> str:
    remedies = {
        "extra_forbidden": "no such key is known; remove it or correct its spelling",
        "missing": "is missing; add it",
        "model_type": "must hold keys with values; write it as in the project's own domains",
        "list_type": "must be a list; write its items behind dashes or in brackets",
        "dict_type": "must hold keys with values; write each as `key: value`",
        "string_type": "must be a text; put it in quotes (YAML reads yes, no and numbers as other things)",
    }
    return remedies.get(kind, message.removeprefix("Value error, "))
