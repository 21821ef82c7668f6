"""What is wrong with flow files, gathered: a reader notes each mistake and goes on, and all are told at once."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from mesh.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines are counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """Something wrong: where, what, and what to do about it."""

    file: str
    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        """One line, as compilers write it."""
        return f"{self.file}:{self.line}: {self.problem}. {self.remedy}"


class FlowFileError(ConfigError, ValueError):
    """Files of a flow are wrong: all that is, by file and line, one a line."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class Mistakes:
    """Gathers mistakes; the same one noted again counts once."""

    def __init__(self) -> None:
        self._found: set[Mistake] = set()

    def note(self, place: Place, problem: str, remedy: str) -> None:
        """Remember a mistake."""
        self._found.add(Mistake(place.file, place.line, problem, remedy))

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._found)

    def take(self, other: Mistakes) -> None:
        """Remember what another reader found."""
        self._found |= other._found

    def between(self, file: str, first: int, last: int) -> bool:
        """Whether anything is wrong in these lines."""
        return any(found.file == file and first <= found.line <= last for found in self._found)

    def settle(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            FlowFileError: Something was.

        """
        if self._found:
            raise FlowFileError(*self._found)

    def stop(self, place: Place, problem: str, remedy: str) -> NoReturn:
        """Note a mistake that cannot be read past, and raise all.

        Raises:
            FlowFileError: Always.

        """
        self.note(place, problem, remedy)
        raise FlowFileError(*self._found)


def every(readers: Iterable[Callable[[], T]]) -> list[T]:
    """What each of the readers reads.

    Raises:
        FlowFileError: Some could not; it holds the mistakes of them all.

    """
    read: list[T] = []
    wrong: list[Mistake] = []
    for reader in readers:
        try:
            read.append(reader())
        except FlowFileError as error:
            wrong.extend(error.mistakes)
    if wrong:
        raise FlowFileError(*wrong)
    return read


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the likely meant one, and all there are."""
    known = sorted(known)
    close = _closest(word, known)
    hint = f"Did you mean {close!r}? " if close else ""
    return f"{hint}Known: {', '.join(known) or 'none'}."


def lacking(given: Collection[str], required: Iterable[str], known: Collection[str]) -> list[str]:
    """Required names that are not given, not even misspelt: a misspelt one is told of as unknown."""
    meant = {_closest(name, sorted(known)) for name in given if name not in known}
    return [name for name in required if name not in given and name not in meant]


def _closest(word: str, known: list[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1)), "")
