# ruff: noqa: INP001 - a script, run by its path
"""Print the part of requirements.lock that some extras or packages need, hashes included.

    python locked.py consent              the extra `consent` of pyproject.toml
    python locked.py asr,whisper          several extras
    python locked.py package:hatchling    a package

The lock says after each package which others asked for it ("# via ..."): that is the graph that is walked. Needs
nothing but Python, so that it runs before anything is installed. Both files are looked for beside the script and in
the working folder.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_DIRECT = "voicemesh"
_NOWHERE = "sys_platform == 'never'"


def normal(name: str) -> str:
    """Return a package's name in the one form that all spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def blocks(lock: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield for each locked package its name, its lines with hashes, and the names of those that asked for it."""
    name, lines, via = "", [], []
    for line in lock.splitlines():
        if found := re.match(r"^([A-Za-z0-9._-]+)==", line):
            if name:
                yield name, lines, via
            name, lines, via = normal(found[1]), [line], []
        elif line.startswith("    --hash="):
            lines.append(line)
        elif (found := re.match(r"^    #\s+(?:via\s+)?([A-Za-z0-9._-]+)", line)) and found[1] != "via":
            via.append(normal(found[1]))
    if name:
        yield name, lines, via


def wanted(project: Mapping[str, Any], extra: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the packages an extra names itself, those of the extras it is made of, and the base dependencies.

    Raises KeyError for an extra that the project does not have.
    """
    names: set[str] = set()
    for requirement in [*project["dependencies"], *project["optional-dependencies"][extra]]:
        found = _NAME.match(requirement)
        assert found, requirement
        name, inner = normal(found[1]), (found[2] or "").split(",")
        if name != _DIRECT:
            names.add(name)
            continue
        for other in (part.strip() for part in inner):
            if other not in seen:
                names |= wanted(project, other, seen | {extra})
    return names


def select(lock: str, roots: Iterable[str]) -> str:
    """Return the lock's lines for these packages and all they ask for.

    Raises KeyError for a package that is not locked.
    """
    # A package may be there twice, for two versions of Python. What is locked for no platform (tools/
    # lock-overrides.txt) is left out, and what only that asks for.
    entries = [block for block in blocks(lock) if _NOWHERE not in block[1][0]]
    known = {name for name, _, _ in entries}
    chosen, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name in chosen:
            continue
        if name not in known:
            raise KeyError(name)
        chosen.add(name)
        todo += [other for other, _, via in entries if name in via]
    return "".join("\n".join(lines) + "\n" for name, lines, _ in entries if name in chosen)


def _find(name: str) -> Path:
    places = [Path(__file__).parent / name, Path.cwd() / name]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        sys.exit(f"{name} is in none of {', '.join(str(place.parent) for place in places)}")
    return found


def main(asked: str) -> None:
    """Print the requirements for what is asked."""
    project = tomllib.loads(_find("pyproject.toml").read_text(encoding="utf-8"))["project"]
    roots: set[str] = set()
    try:
        for part in asked.split(","):
            kind, _, package = part.partition(":")
            roots |= {normal(package)} if kind == "package" else wanted(project, normal(part))
        sys.stdout.write(select(_find("requirements.lock").read_text(encoding="utf-8"), roots))
    except KeyError as error:
        sys.exit(f"{asked}: there is no extra, or no locked package, called {error}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
