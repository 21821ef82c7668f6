"""YAML that remembers its lines, so that an error can say where."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from mesh.config import ConfigError


class Lines:
    """The content of one YAML file, and the line that each part of it stands on."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            ConfigError: naming file, line and remedy, when it cannot be read, is no YAML or has a key twice.
        """
        self.path = path
        self._root = _node(path)
        self.content: Any = _construct(path, self._root)

    def line(self, keys: Sequence[Hashable]) -> int:
        """Return the line (from 1) of what `keys` lead to: of its key in a mapping; of what is nearest if missing."""
        node, line = self._root, 1
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return line

    def error(self, keys: Sequence[Hashable], said: str) -> str:
        """Return an error's line: file, line, keys and what is said about them."""
        name = ".".join(str(key) for key in keys) or "the file"
        return f"{self.path}:{self.line(keys)}: {name}: {said}"


def _node(path: Path) -> yaml.Node | None:
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); create it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}:{line}: is no YAML ({error.problem or error.context}); correct it") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is no YAML ({error}); correct it") from error
    _refuse_twins(path, node)
    return node


def _construct(path: Path, node: yaml.Node | None) -> Any:
    if node is None:
        return None
    try:
        return yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: cannot be used ({error.problem}); write plain YAML") from error
    except ValueError as error:  # such as the 32nd of a month
        raise ConfigError(f"{path}: cannot be used ({error}); put what is meant as text in quotes") from error


def _refuse_twins(path: Path, root: yaml.Node | None) -> None:
    """Refuse a key that is given twice: YAML would silently keep the last."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias; it may even name what it stands in
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_twin_keys(path, node)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _refuse_twin_keys(path: Path, node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line, name = key.start_mark.line + 1, str(key.value)
        if name in lines:
            raise ConfigError(
                f"{path}:{line}: {name}: is given twice, first in line {lines[name]}; join the two or remove one"
            )
        lines[name] = line


def _child(node: yaml.Node | None, key: Hashable) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item.start_mark.line + 1, item
    return None
