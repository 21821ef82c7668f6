"""YAML with places: every value knows its file and line, so that an error can name them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import yaml

from mesh.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FAST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 40  # far deeper than any flow; an alias to itself would go on for ever


class FlowFileError(ConfigError, ValueError):
    """A flow file is wrong: where, what, and what to do about it."""

    def __init__(self, file: str, line: int, problem: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {problem}. {remedy}")
        self.file = file
        self.line = line
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines are counted from 1."""

    file: str
    line: int

    def fail(self, problem: str, remedy: str) -> NoReturn:
        """Raise a `FlowFileError` for this place."""
        raise FlowFileError(self.file, self.line, problem, remedy)


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the likely meant one, and all there are."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known) or 'none'}."


@dataclass(frozen=True, slots=True)
class Item:
    """A YAML value with its place and its path from the top, for example "flows.book.steps.2.say"."""

    node: yaml.Node
    file: str
    path: str = ""
    depth: int = 0
    line: int = 0
    """Line of its key; 0: it has none."""

    @property
    def place(self) -> Place:
        """Where it stands: at its key, for the values below a key begin in the next line."""
        return Place(self.file, self.line or self.node.start_mark.line + 1)

    def fail(self, problem: str, remedy: str) -> NoReturn:
        """Raise a `FlowFileError` for this value."""
        self.place.fail(problem, remedy)

    def _child(self, node: yaml.Node, name: str, line: int = 0) -> Item:
        if self.depth >= _MAX_DEPTH:
            self.fail("the values are nested without end", "Take the alias that points to itself out.")
        return Item(node, self.file, f"{self.path}.{name}" if self.path else name, self.depth + 1, line)

    def keys(self) -> dict[str, Item]:
        """The mapping's values by key; a key given twice is an error."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail(f"{self.path or 'the file'} must be a mapping", "Write 'key: value' lines below it.")
        found: dict[str, Item] = {}
        for key, value in self.node.value:
            name = str(key.value)
            if name in found:
                Place(self.file, key.start_mark.line + 1).fail(f"key {name!r} is given twice", "Keep one of the two.")
            found[name] = self._child(value, name, key.start_mark.line + 1)
        return found

    def mapping(self, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Item]:
        """The mapping's values, checked: all required keys are there and no unknown one is."""
        found = self.keys()
        for name, item in found.items():
            if name not in required and name not in optional:
                item.fail(f"unknown key {name!r}", nearest(name, [*required, *optional]))
        for name in required:
            if name not in found:
                self.fail(f"{self.path or 'the file'} lacks {name!r}", f"Add '{name}: ...'.")
        return found

    def list(self) -> tuple[Item, ...]:
        """The values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail(f"{self.path} must be a list", "Write each entry on a line of its own behind '- '.")
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
        """The text of a scalar, as it was written; empty text is an error."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail(f"{self.path} must be a text", "Write it on one line, in quotes where it holds ':' or '#'.")
        if not self.node.value.strip():
            self.fail(f"{self.path} is empty", "Write a text, or take the key out.")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """One text, or a list of them."""
        if not self.is_list:
            return (self.text(),)
        if not self.list():
            self.fail(f"{self.path} is an empty list", "Write at least one text.")
        return tuple(item.text() for item in self.list())

    def flag(self) -> bool:
        """A true or false."""
        if self.text() not in {"true", "false"}:
            self.fail(f"{self.path} must be true or false", f"Write '{self.path.split('.')[-1]}: true'.")
        return self.text() == "true"

    def number(self, low: float, high: float) -> float:
        """A number within limits."""
        try:
            value = float(self.text())
        except ValueError:
            self.fail(f"{self.path} must be a number", f"Write a number from {low:g} to {high:g}.")
        if not low <= value <= high:
            self.fail(f"{self.path} is {value:g}", f"Write a number from {low:g} to {high:g}.")
        return value

    def plain(self) -> object:
        """The value as plain data. Clock times, dates and words like "no" stay the text that was written."""
        if isinstance(self.node, yaml.MappingNode):
            return {name: item.plain() for name, item in self.keys().items()}
        if self.is_list:
            return tuple(item.plain() for item in self.list())
        return _scalar(self.node)


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


def read(text: str, file: str) -> Item:
    """Parse YAML text.

    Raises:
        FlowFileError: It is no YAML, or empty.

    """
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        begun = getattr(error, "context_mark", None)
        if mark and begun and begun.line != mark.line:
            problem = f"{problem}, {error.context} that began in line {begun.line + 1}"  # type: ignore[attr-defined]
        raise FlowFileError(
            file,
            mark.line + 1 if mark else 1,
            f"this is not YAML: {problem}",
            "Check indentation and colons; put texts with ': ', '#', or '?' inside [ ], in quotes.",
        ) from error
    if node is None:
        raise FlowFileError(file, 1, "the file is empty", "Begin with 'domain: NAME'.")
    return Item(node, file)
