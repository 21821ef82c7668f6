"""What the folder around a flow file says: languages, entity types, intents and actions that its flows may use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from services.dialogue.actions.declared import ActionsFile
from services.dialogue.flow.reader import read

if TYPE_CHECKING:
    from pathlib import Path

    from services.dialogue.flow.mistakes import Mistakes
    from services.dialogue.flow.reader import Item

_ACTIONS: Final = "voicemesh.dialogue.actions"
_REMEDIES: Final = {
    "extra_forbidden": "No such key is known: take it out, or correct its spelling",
    "missing": "Add it",
    "string_pattern_mismatch": "Use small letters, digits and '_'",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flow file may refer to outside itself."""

    domain: str
    """Name of its domain's folder."""
    language: str
    """Name of its language's folder."""
    languages: tuple[str, ...]
    entity_types: tuple[str, ...]
    intents: frozenset[str] | None
    """None: a file that lists them cannot be read."""
    actions: frozenset[str] | None
    """None: the file that lists them cannot be read."""


def surroundings(path: Path, mistakes: Mistakes) -> Surroundings | None:
    """What lies around `<domain>/<language>/flow.yaml`; what is wrong with the domain's files is noted.

    None: it stands alone, without a `domain.yaml`, or something is wrong with that.

    Raises:
        OSError: A file cannot be read.

    """
    domain = path.parent.parent
    if not (domain / "domain.yaml").is_file():
        return None
    top = _read(domain / "domain.yaml", mistakes)
    keys = top.keys()
    for name in ("languages", "entity_types"):
        if top.is_mapping and name not in keys:
            top.note(f"the file lacks {name!r}", f"Add '{name}: [...]'.")
    included = keys["includes"].texts() if "includes" in keys and keys["includes"].list() else ()
    folders = [domain, *(domain.parent / name for name in included)]
    languages, types = (keys[name].list() if name in keys else () for name in ("languages", "entity_types"))
    intents = [_intents(folder / path.parent.name, mistakes) for folder in folders]
    actions = _actions(domain, mistakes)
    found = Surroundings(
        domain=domain.name,
        language=path.parent.name,
        languages=tuple(item.text() for item in languages),
        entity_types=tuple(item.text() for item in types),
        intents=None if None in intents else frozenset(name for names in intents for name in names or ()),
        actions=None if actions is None else actions | {point.name for point in entry_points(group=_ACTIONS)},
    )
    return found if top.sound else None


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
    if around.intents is None:
        return
    for flow in flows.values():
        intents = flow.keys().get("intents")
        for item in intents.each() if intents is not None else ():
            item.one_of("intent", around.intents, " Add its examples to intents.yaml, or correct it.")


def _read(path: Path, mistakes: Mistakes) -> Item:
    return read(path.read_text(encoding="utf-8"), str(path), mistakes)


def _intents(folder: Path, mistakes: Mistakes) -> frozenset[str] | None:
    """The intents of a folder; none without `intents.yaml`, None where that cannot be read."""
    path = folder / "intents.yaml"
    if not path.is_file():
        return frozenset()
    top = _read(path, mistakes)
    intents = top.keys().get("intents")
    return frozenset(intents.keys() if intents is not None else ()) if top.is_mapping else None


def _actions(domain: Path, mistakes: Mistakes) -> frozenset[str] | None:
    """The actions that a domain declares, None where their file cannot be read; whatever is wrong with it is noted."""
    path = domain / "actions.yaml"
    if not path.is_file() or _is_blank(path):
        return frozenset()
    top = _read(path, mistakes)
    if not top.is_mapping:
        top.keys()
        return None
    try:
        ActionsFile.model_validate(top.plain())
    except ValidationError as error:
        for found in error.errors(include_url=False):
            remedy = f"{_REMEDIES.get(found['type'], 'Correct it')} (docs/actions.md)."
            _innermost(top, found["loc"]).note(f"{'.'.join(map(str, found['loc']))}: {found['msg']}", remedy)
    actions = top.keys().get("actions")
    return frozenset(actions.keys() if actions is not None and actions.is_mapping else ())


def _is_blank(path: Path) -> bool:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return all(not line or line.startswith("#") for line in lines)


def _innermost(item: Item, way: tuple[int | str, ...]) -> Item:
    """The value that a way leads to, or what is left of it."""
    for part in way:
        children: dict[int | str, Item] = dict(item.keys().items()) if item.is_mapping else {}
        if item.is_list:
            children.update(enumerate(item.list()))
        following = children.get(part)
        if following is None:
            return item
        item = following
    return item
