"""What the folder around a flow file says: languages, entity types, intents and actions that its flows may use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.reader import nearest, read

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


def surroundings(path: Path) -> Surroundings | None:
    """What lies around `<domain>/<language>/flow.yaml`; None: it stands alone, without a `domain.yaml`.

    Raises:
        FlowFileError: A file of the domain is wrong.
        OSError: One cannot be read.

    """
    domain = path.parent.parent
    if not (domain / "domain.yaml").is_file():
        return None
    top = _read(domain / "domain.yaml").keys()
    languages, types = (_required(domain / "domain.yaml", top, name) for name in ("languages", "entity_types"))
    included = top["includes"].texts() if "includes" in top and top["includes"].list() else ()
    folders = [domain, *(domain.parent / name for name in included)]
    return Surroundings(
        domain=domain.name,
        language=path.parent.name,
        languages=tuple(item.text() for item in languages.list()),
        entity_types=tuple(item.text() for item in types.list()),
        intents=frozenset(name for folder in folders for name in _names(folder / path.parent.name, "intents")),
        actions=frozenset((*_names(domain, "actions"), *(point.name for point in entry_points(group=_ACTIONS)))),
    )


def check_top(top: dict[str, Item], around: Surroundings) -> None:
    """The file must say the domain and the language of the folders it lies in.

    Raises:
        FlowFileError: It says another.

    """
    name, language = top["domain"].text(), top["language"].text()
    if name != around.domain:
        top["domain"].fail(f"the domain is {name!r}, and its folder {around.domain!r}", f"Write {around.domain!r}.")
    if language != around.language:
        top["language"].fail(
            f"the language is {language!r}, and its folder {around.language!r}", f"Write {around.language!r}."
        )
    if language not in around.languages:
        top["language"].fail(
            f"language {language!r} is not among the domain's (there are: {', '.join(around.languages)})",
            "Add it to 'languages' in domain.yaml, or take its folder out.",
        )


def check_slots(slots: dict[str, Item], around: Surroundings) -> None:
    """Slots must be of types that the domain understands.

    Raises:
        FlowFileError: One is of an unknown type.

    """
    for item in slots.values():
        kind = item.keys().get("type")
        if kind is not None and kind.text() not in (*around.entity_types, "text"):
            kind.fail(
                f"unknown entity type {kind.text()!r}",
                f"{nearest(kind.text(), (*around.entity_types, 'text'))} Types are listed in domain.yaml.",
            )


def check_intents(flows: dict[str, Item], around: Surroundings) -> None:
    """Flows must be started by intents that the domain understands.

    Raises:
        FlowFileError: One names another.

    """
    for flow in flows.values():
        for item in _each(flow.keys().get("intents")):
            if item.text() not in around.intents:
                item.fail(
                    f"unknown intent {item.text()!r}",
                    f"{nearest(item.text(), around.intents)} Add its examples to intents.yaml, or correct it.",
                )


def _each(item: Item | None) -> tuple[Item, ...]:
    if item is None:
        return ()
    return item.list() if item.is_list else (item,)


def _read(path: Path) -> Item:
    return read(path.read_text(encoding="utf-8"), str(path))


def _required(path: Path, top: dict[str, Item], name: str) -> Item:
    if name not in top:
        _read(path).fail(f"the file lacks {name!r}", f"Add '{name}: [...]'.")
    return top[name]


def _names(folder: Path, name: str) -> tuple[str, ...]:
    """The keys of `<name>.yaml` in a folder, below its key of that name; none without such a file."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        return ()
    top = _read(path).keys()
    return tuple(top[name].keys()) if name in top else ()
