"""In place of a download: the very distributions that a requirements file names, linked from this environment.

pip then finds them there and has nothing to fetch; had the file named another version, or one too few, pip or the
program that needs it fails.
"""

import subprocess
from collections import Counter
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@cache
def _here() -> dict[str, Distribution]:
    return {canonicalize_name(each.metadata["Name"]): each for each in distributions()}


@cache
def _owners() -> Counter[str]:
    """How many distributions have files in each top-level folder; those of one only can be linked whole."""
    tops = ({file.parts[0] for file in each.files or ()} for each in _here().values())
    return Counter(top for each in tops for top in each)


def provide(requirements: Path, python: Path) -> None:
    """Link what the file names, and the platform needs, into the environment of `python`."""
    ask = "import sysconfig; print(sysconfig.get_paths()['platlib']); print(sysconfig.get_paths()['scripts'])"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    packages, scripts = (Path(line) for line in answer.stdout.splitlines())
    for line in requirements.read_text().splitlines():
        if line.startswith(" "):
            continue
        requirement = Requirement(line.removesuffix("\\"))
        found = _here().get(canonicalize_name(requirement.name))
        fits = requirement.marker is None or requirement.marker.evaluate()
        if fits and found is not None and requirement.specifier.contains(found.version):
            _link(found, packages, scripts)


def _link(found: Distribution, packages: Path, scripts: Path) -> None:
    linked: set[str] = set()
    for file in found.files or ():
        top, source = file.parts[0], Path(str(found.locate_file(file)))
        if "__pycache__" in file.parts or top in linked:
            continue
        if top == "..":
            if source.parent.name == "bin":
                _symlink(source, scripts / source.name)
        elif len(file.parts) > 1 and _owners()[top] == 1:
            linked.add(top)
            _symlink(Path(str(found.locate_file(top))), packages / top)
        else:
            _symlink(source, packages / file)


def _symlink(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve())
