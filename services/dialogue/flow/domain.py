"""What the folder around a flow file says: languages, entity types, intents and actions that its flows may use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.mistakes import Mistakes
from services.dialogue.flow.reader import read

if TYPE_CHECKING:
    from pathlib import Path

    from services.dialogue.flow.reader import Item

_ACTIONS: Final = "voicemesh.dialogue.actions"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flow file may refer to outside itself."""

    domain: str
    """Name of its domain's folder."""
    language: str
    """Name of its language's folder."""
    languages: tuple[str, ...]
    entity_types: tuple[str, ...]
    intents: frozenset[str]
    actions: frozenset[str]


def surroundings(path: Path, mistakes: Mistakes) -> Surroundings | None:
    """What lies around `<domain>/<language>/flow.yaml`; what is wrong with the domain's files is noted.

    None: it stands alone, without a `domain.yaml`, or something is wrong there.

    Raises:
        OSError: A file cannot be read.

    """
    domain = path.parent.parent
    if not (domain / "domain.yaml").is_file():
        return None
    before = Mistakes()
    top = _read(domain / "domain.yaml", before)
    keys = top.keys()
    for name in ("languages", "entity_types"):
        if top.is_mapping and name not in keys:
            top.note(f"the file lacks {name!r}", f"Add '{name}: [...]'.")
    included = keys["includes"].texts() if "includes" in keys and keys["includes"].list() else ()
    folders = [domain, *(domain.parent / name for name in included)]
    found = Surroundings(
        domain=domain.name,
        language=path.parent.name,
        languages=tuple(item.text() for item in keys["languages"].list()) if "languages" in keys else (),
        entity_types=tuple(item.text() for item in keys["entity_types"].list()) if "entity_types" in keys else (),
        intents=frozenset(name for folder in folders for name in _names(folder / path.parent.name, "intents", before)),
        actions=frozenset(
            (*_names(domain, "actions", before), *(point.name for point in entry_points(group=_ACTIONS)))
        ),
    )
    mistakes.take(before)
    return None if before else found


def check_top(top: dict[str, Item], around: Surroundings) -> None:
    """Note that the file does not say the domain and the language of the folders it lies in."""
    name, language = top["domain"].text(), top["language"].text()
    if name and name != around.domain:
        top["domain"].note(f"the domain is {name!r}, and its folder {around.domain!r}", f"Write {around.domain!r}.")
    if language and language != around.language:
        top["language"].note(
            f"the language is {language!r}, and its folder {around.language!r}", f"Write {around.language!r}."
        )
    elif language and language not in around.languages:
        top["language"].note(
            f"language {language!r} is not among the domain's (there are: {', '.join(around.languages)})",
            "Add it to 'languages' in domain.yaml, or take its folder out.",
        )


def check_slots(slots: dict[str, Item], around: Surroundings) -> None:
    """Note slots of types that the domain does not understand."""
    for item in slots.values():
        kind = item.keys().get("type")
        if kind is not None:
            kind.one_of("entity type", (*around.entity_types, "text"), " Types are listed in domain.yaml.")


def check_intents(flows: dict[str, Item], around: Surroundings) -> None:
    """Note intents that start a flow and that the domain does not understand."""
    for flow in flows.values():
        intents = flow.keys().get("intents")
        for item in intents.each() if intents is not None else ():
            item.one_of("intent", around.intents, " Add its examples to intents.yaml, or correct it.")


def _read(path: Path, mistakes: Mistakes) -> Item:
    return read(path.read_text(encoding="utf-8"), str(path), mistakes)


def _names(folder: Path, name: str, mistakes: Mistakes) -> tuple[str, ...]:
    """The keys of `<name>.yaml` in a folder, below its key of that name; none without such a file."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        return ()
    top = _read(path, mistakes).keys()
    return tuple(top[name].keys()) if name in top else ()
