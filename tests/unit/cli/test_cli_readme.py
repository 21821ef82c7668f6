"""The README, the guide for contributors and the architecture name what there is."""

import re
from pathlib import Path

import pytest
import typer

from voicemesh_cli.main import build_app

ROOT = Path(__file__).parents[3]
PAGES = ["README.md", "CONTRIBUTING.md", "docs/architecture.md"]
# Where a path of these pages may begin; others are names of something else, such as a configuration's variables.
TREES = ("proto/", "stubs/", "services/", "mesh/", "voicemesh_", "deploy/", "bench/", "docs/", "examples/", "tests/")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page(name))
    assert links
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_paths_exist(name: str) -> None:
    paths = [path for path in re.findall(r"`([\w./*-]+)`", page(name)) if "/" in path and path.startswith(TREES)]
    assert paths
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


def test_the_architecture_names_every_part_of_the_runtime() -> None:
    runtime = page("docs/architecture.md").partition("## The runtime")[2].partition("## ")[0]
    parts = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "mesh").iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert parts - set(re.findall(r"`([\w./]+)`", runtime)) == set()


def test_make_knows_its_targets() -> None:
    known = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    named = {target for name in PAGES for target in re.findall(r"^\s*make ([a-z-]+)", page(name), re.MULTILINE)}
    named |= {target for name in PAGES for target in re.findall(r"`make ([a-z-]+)`", page(name))}
    assert {"demo", "up", "test"} <= named
    assert named - known == set()


def test_the_readmes_commands_are_understood() -> None:
    commands = re.findall(r"^voicemesh (.+?)(?:  +#.*)?$", page("README.md"), re.MULTILINE)
    assert len(commands) > 3
    for line in commands:
        command, arguments = typer.main.get_command(build_app()), line.split()
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        command.make_context(line, arguments)
        recordings = [argument for argument in arguments if argument.startswith("examples/")]
        assert all(list(ROOT.glob(recording)) for recording in recordings)
