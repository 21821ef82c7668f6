"""YAML with places: every value knows its file and line, so that a mistake can name them.

A value that is not what was asked for is noted as a mistake and read as an empty one, so that all mistakes of a file
are found; who reads a file asks `Mistakes.settle` at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from services.dialogue.flow.mistakes import Mistakes, Place, lacking, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_FAST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 40  # far deeper than any flow; an alias to itself would go on for ever


@dataclass(frozen=True, slots=True)
class Item:
    """A YAML value with its place and its path from the top, for example "flows.book.steps.2.say"."""

    node: yaml.Node | None
    """None: it is missing, which was noted already; all it is asked for is empty."""
    file: str
    mistakes: Mistakes
    path: str = ""
    depth: int = 0
    line: int = 0
    """Line of its key; 0: it has none."""

    @property
    def place(self) -> Place:
        """Where it stands: at its key, for the values below a key begin in the next line."""
        return Place(self.file, self.line or (self.node.start_mark.line + 1 if self.node is not None else 1))

    def note(self, problem: str, remedy: str) -> None:
        """Note a mistake about this value."""
        self.mistakes.note(self.place, problem, remedy)

    @property
    def sound(self) -> bool:
        """Whether nothing was noted so far about it and what it holds."""
        last = _last_line(self.node) if self.node is not None else 0
        return self.node is not None and not self.mistakes.between(self.file, self.place.line, last)

    def _child(self, node: yaml.Node | None, name: str, line: int = 0) -> Item:
        if self.depth >= _MAX_DEPTH:
            remedy = "Take the alias that points to itself out."
            self.mistakes.stop(self.place, "the values are nested without end", remedy)
        path = f"{self.path}.{name}" if self.path else name
        return Item(node, self.file, self.mistakes, path, self.depth + 1, line)

    def keys(self) -> dict[str, Item]:
        """The mapping's values by key; of a key given twice the first."""
        found: dict[str, Item] = {}
        if not isinstance(self.node, yaml.MappingNode):
            if self.node is not None:
                self.note(f"{self.path or 'the file'} must be a mapping", "Write 'key: value' lines below it.")
            return found
        for key, value in self.node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in found:
                self.mistakes.note(Place(self.file, line), f"key {name!r} is given twice", "Keep one of the two.")
            else:
                found[name] = self._child(value, name, line)
        return found

    def mapping(self, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Item]:
        """The mapping's values by key: all the required ones, and of the optional ones those that are there."""
        given = self.keys()
        for name, item in given.items():
            if name not in required and name not in optional:
                item.note(f"unknown key {name!r}", nearest(name, [*required, *optional]))
        for name in lacking(given, required, (*required, *optional)) if self.is_mapping else ():
            self.note(f"{self.path or 'the file'} lacks {name!r}", f"Add '{name}: ...'.")
        found = {name: item for name, item in given.items() if name in required or name in optional}
        return {name: self._child(None, name, self.place.line) for name in required} | found

    def list(self) -> tuple[Item, ...]:
        """The values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            if self.node is not None:
                self.note(f"{self.path} must be a list", "Write each entry on a line of its own behind '- '.")
            return ()
        return tuple(self._child(node, str(index)) for index, node in enumerate(self.node.value))

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def text(self) -> str:
        """The text of a scalar, as it was written; an empty one is a mistake."""
        if self.node is None:
            return ""
        if not isinstance(self.node, yaml.ScalarNode):
            self.note(f"{self.path} must be a text", "Write it on one line, in quotes where it holds ':' or '#'.")
            return ""
        if not self.node.value.strip():
            self.note(f"{self.path} is empty", "Write a text, or take the key out.")
            return ""
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """A text, or a list of at least one."""
        if self.is_list and not self.list():
            self.note(f"{self.path} is an empty list", "Write at least one text.")
        return tuple(text for item in self.each() if (text := item.text()))

    def each(self) -> tuple[Item, ...]:
        """The values of a list, or the value itself where it is none."""
        return self.list() if self.is_list else (self,)

    def one_of(self, what: str, known: Collection[str], more: str = "") -> str:
        """A text that is among the known ones, else empty; `more` is added to the remedy."""
        text = self.text()
        if text and text not in known:
            self.note(f"unknown {what} {text!r}", f"{nearest(text, known)}{more}")
            return ""
        return text

    def flag(self) -> bool:
        """A true or false."""
        text = self.text()
        if text and text not in {"true", "false"}:
            self.note(f"{self.path} must be true or false", f"Write '{self.path.split('.')[-1]}: true'.")
        return text == "true"

    def number(self, low: float, high: float) -> float:
        """A number within limits; `low` where it is none."""
        text, remedy = self.text(), f"Write a number from {low:g} to {high:g}."
        if not text:
            return low
        try:
            value = float(text)
        except ValueError:
            self.note(f"{self.path} must be a number", remedy)
            return low
        if not low <= value <= high:
            self.note(f"{self.path} is {value:g}", remedy)
            return low
        return value

    def plain(self) -> object:
        """The value as plain data. Clock times, dates and words like "no" stay the text that was written."""
        if isinstance(self.node, yaml.MappingNode):
            return {name: item.plain() for name, item in self.keys().items()}
        if self.is_list:
            return tuple(item.plain() for item in self.list())
        return _scalar(self.node) if self.node is not None else None


def _last_line(node: yaml.Node) -> int:
    """The last line of a value; a block ends, for YAML, only where the next one begins."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(node, yaml.CollectionNode) or not node.value or node.flow_style:
            break
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.line + (node.end_mark.column > 0))


def _scalar(node: yaml.Node) -> object:
    kind, text = node.tag.rsplit(":", 1)[-1], str(node.value)
    if kind == "null":
        return None
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    if kind in {"int", "float"}:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:  # YAML 1.1 reads 10:30 as a number in base 60
            return text
    return text


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)  # ten times slower; it says better what is wrong


def read(text: str, file: str, mistakes: Mistakes) -> Item:
    """Parse YAML text; what is none, or empty, is noted."""
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        begun = getattr(error, "context_mark", None)
        if mark and begun and begun.line != mark.line:
            problem = f"{problem}, {error.context} that began in line {begun.line + 1}"  # type: ignore[attr-defined]
        mistakes.note(
            Place(file, mark.line + 1 if mark else 1),
            f"this is not YAML: {problem}",
            "Check indentation and colons; put texts with ': ', '#', or '?' inside [ ], in quotes.",
        )
        return Item(None, file, mistakes)
    if node is None:
        mistakes.note(Place(file, 1), "the file is empty", "Begin with 'domain: NAME'.")
    return Item(node, file, mistakes)
