"""The part of the lock that an extra needs: all of it, and nothing else."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[3]
LOCK = (REPOSITORY / "requirements.lock").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def locked(asked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "deploy" / "locked.py", asked],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip


def names(requirements: str) -> set[str]:
    return {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE)}


def everywhere(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_what_is_picked_asks_for_nothing_that_is_not(extra: str) -> None:
    done = locked(extra)
    assert done.returncode == 0, done.stderr
    picked = names(done.stdout)
    never = names("\n".join(line for line in LOCK.splitlines() if "sys_platform == 'never'" in line))
    for name in picked:
        try:
            asked = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            continue  # for another platform
        needed = {canonicalize_name(each.name) for each in asked if everywhere(each)}
        assert needed <= picked | never, name


def test_every_line_is_the_locks_own_with_all_its_hashes() -> None:
    picked = locked("nlu").stdout
    assert "numpy==" in picked
    for block in re.findall(r"^\S.*(?:\n    --hash=.*)+", picked, re.MULTILINE):
        assert block in LOCK
        assert block.count("--hash=") >= 1
    # Two versions of Python, two versions of numpy: pip chooses by the marker.
    assert len(re.findall(r"^numpy==", picked, re.MULTILINE)) == len(re.findall(r"^numpy==", LOCK, re.MULTILINE))


def test_extras_are_different_parts() -> None:
    consent, asr, both = (names(locked(asked).stdout) for asked in ("consent", "asr", "consent,asr"))
    assert "onnxruntime" in asr - consent
    assert "sqlalchemy" in consent - asr
    assert both == consent | asr
    assert names(locked("crm_gateway").stdout) == names(locked("crm-gateway").stdout)


@pytest.mark.parametrize("asked", ["nosuch", "package:nosuch", "consent,nosuch"])
def test_what_there_is_not_is_named(asked: str) -> None:
    done = locked(asked)
    assert (done.returncode, done.stdout) == (1, "")
    assert "'nosuch'" in done.stderr
