"""A Dockerfile, carried out without containers: every stage is a folder, every RUN is run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

# Folders of the image; a stage has its own of each.
_IMAGE_FOLDERS = re.compile(r"(?<![\w./$}-])/(?=(?:opt|src|var/lib/voicemesh|var/cache/voicemesh)\b)")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_KNOWN = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "HEALTHCHECK", "CMD"}


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, and its text with continuation lines joined."""

    name: str
    text: str


def parse(text: str) -> Iterator[Instruction]:
    """Yield the instructions. Raises ValueError for one that this file doesn't carry out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        if name not in _KNOWN:
            raise ValueError(f"unknown instruction: {line}")
        yield Instruction(name, rest.strip())


@dataclass
class Stage:
    """What a stage is at some moment, and at its end: the image."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def here(self, text: str, elsewhere: Mapping[str, Path] | None = None) -> str:
        """A text in which the image's folders are those of the stage, or of volumes mounted elsewhere."""
        for folder, path in (elsewhere or {}).items():
            text = re.sub(rf"(?<![\w.]){re.escape(folder)}(?![\w-])", str(path), text)
        return _IMAGE_FOLDERS.sub(f"{self.root}/", text)

    def path(self, text: str) -> Path:
        """The place of an image's path; relative ones are below the working folder."""
        whole = text if text.startswith("/") else f"{self.workdir.rstrip('/')}/{text}"
        return self.root / whole.lstrip("/")

    def expanded(self, text: str) -> str:
        """A text with the build's variables put in."""
        known = {**self.args, **self.env}

        def value(found: re.Match[str]) -> str:
            return known.get(found[1] or found[2], "")

        return _VARIABLE.sub(value, text)


class Builder:
    """Builds the stages of a Dockerfile below `folder`, from the context `context`.

    `provision(stage, requirements, python)` is called before a RUN that installs a file of requirements: it puts
    what the file names where pip would have put what it downloads.
    """

    def __init__(
        self,
        text: str,
        *,
        context: Path,
        ignored: Sequence[str],
        folder: Path,
        provision: Callable[[Stage, Path, Path], None],
    ) -> None:
        self._instructions = list(parse(text))
        self._context = context
        self._ignored = ignored
        self._folder = folder
        self._provision = provision
        self._base = _base_image(folder / "python-image")
        self.stages: dict[str, Stage] = {}

    def build(self, stage_name: str, name: str, **build_args: str) -> Stage:
        """Carry out one stage, in the folder `name`; stages it copies from must have been built."""
        defaults: dict[str, str] = {}
        stage: Stage | None = None
        wanted = False
        for each in self._instructions:
            if each.name == "FROM":
                wanted = each.text.endswith(f" AS {stage_name}")
                if wanted:
                    stage = self._begin(name)
            elif each.name == "ARG" and stage is None:
                defaults |= {each.text.partition("=")[0]: each.text.partition("=")[2]}
            elif wanted and stage is not None:
                self._carry_out(stage, each, build_args)
        assert stage is not None, f"there is no stage {stage_name}"
        self.stages[name] = stage
        return stage

    def _begin(self, name: str) -> Stage:
        root = self._folder / name
        root.mkdir(parents=True)
        return Stage(root, env={"PATH": f"{self._base}:/usr/local/bin:/usr/bin:/bin"})

    def _carry_out(self, stage: Stage, each: Instruction, build_args: Mapping[str, str]) -> None:
        text = each.text
        match each.name:
            case "ARG":
                name, _, default = text.partition("=")
                stage.args[name] = build_args.get(name, stage.expanded(default))
            case "ENV":
                pairs = [part.partition("=") for part in shlex.split(text)]
                stage.env |= {name: stage.expanded(stage.here(value)) for name, _, value in pairs}
            case "WORKDIR":
                stage.workdir = text
                stage.path(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(stage, shlex.split(text))
            case "RUN":
                self._run(stage, stage.here(text))
            case "USER":
                stage.user = text
            case "CMD":
                stage.command = json.loads(text)
            case "HEALTHCHECK":
                stage.healthcheck = json.loads(text.partition(" CMD ")[2])

    def _copy(self, stage: Stage, words: list[str]) -> None:
        source = self._context
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).removeprefix("--from=")].root
        *froms, to = words
        target = stage.path(to)
        for each in froms:
            if source == self._context:
                assert self._in_context(each), f"COPY {each}: .dockerignore keeps it out of the context"
            found = source / each.lstrip("/")
            if found.is_dir():
                skip = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(found, target, dirs_exist_ok=True, ignore=skip)
            else:
                place = target / found.name if to.endswith("/") else target
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, place)

    def _in_context(self, path: str) -> bool:
        """By .dockerignore: the last pattern that fits decides."""
        kept = True
        for pattern in self._ignored:
            plain = pattern.removeprefix("!").removeprefix("**/")
            if fnmatch(path, plain) or path.startswith(f"{plain}/"):
                kept = pattern.startswith("!")
        return kept

    def _run(self, stage: Stage, command: str) -> None:
        env = {**stage.args, **stage.env, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        env.setdefault("HOME", str(stage.root))
        installs = re.search(r"pip --python (\S+) install .*-r (\S+)", command)
        if installs:
            self._provision(stage, stage.path(".") / installs[2], Path(installs[1]))
        done = subprocess.run(
            ["sh", "-c", command], cwd=stage.path("."), env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"RUN {command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _base_image(folder: Path) -> Path:
    """What `python` and `pip` are in the image python:3.11-slim: an interpreter without packages, and its pip."""
    folder.mkdir(parents=True)
    scripts = {
        "python": f'exec {shlex.quote(sys._base_executable)} "$@"',  # type: ignore[attr-defined]
        "pip": f'exec {shlex.quote(sys.executable)} -m pip "$@"',
    }
    for name, line in scripts.items():
        script = folder / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    return folder


def read_ignored(path: Path) -> list[str]:
    """The patterns of a .dockerignore file."""
    lines = path.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
