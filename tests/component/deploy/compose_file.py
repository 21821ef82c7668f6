"""A compose file, read as docker compose reads it, with its addresses on free ports of this machine."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import yaml

_INTERPOLATED = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")
_PORT = re.compile(r"127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Container:
    """What the file says of one service."""

    name: str
    image: str
    build_args: Mapping[str, str]
    entrypoint: list[str]
    command: list[str]
    environment: Mapping[str, str]
    healthcheck: list[str]
    depends_on: Mapping[str, str]
    volumes: Mapping[str, str]
    """The named volume by the folder it is mounted at."""
    raw: Mapping[str, Any] = field(repr=False)


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Put variables in: ${NAME}, ${NAME:-default}, ${NAME:?complaint}. Raises KeyError with the complaint."""

    def value(found: re.Match[str]) -> str:
        name, operator, operand = found.groups()
        if environment.get(name):
            return environment[name]
        if operator == ":?":
            raise KeyError(f"{name}: {operand}")
        return operand if operator == ":-" else ""

    return _INTERPOLATED.sub(value, text)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def read(text: str, environment: Mapping[str, str]) -> dict[str, Container]:
    """Read the file; every port behind 127.0.0.1 becomes a free one, wherever it is written."""
    plain = interpolate("\n".join(line for line in text.splitlines() if not line.startswith("#")), environment)
    ports = sorted(set(_PORT.findall(plain)))
    for port, free in zip(ports, free_ports(len(ports)), strict=True):
        plain = re.sub(rf"\b{port}\b", f"\0{free}", plain)
    loaded = yaml.safe_load(plain.replace("\0", ""))
    return {name: _container(name, service) for name, service in loaded["services"].items()}


def _container(name: str, service: Mapping[str, Any]) -> Container:
    depends = service.get("depends_on", {})
    if isinstance(depends, list):
        depends = {other: {"condition": "service_started"} for other in depends}
    volumes = (volume.split(":")[:2] for volume in service.get("volumes", []))
    return Container(
        name=name,
        image=service.get("image", ""),
        build_args=service.get("build", {}).get("args", {}),
        entrypoint=service.get("entrypoint", []),
        command=service.get("command", []),
        environment={key: str(value) for key, value in service.get("environment", {}).items()},
        healthcheck=service.get("healthcheck", {}).get("test", [])[1:],
        depends_on={other: each["condition"] for other, each in depends.items()},
        volumes={folder: volume for volume, folder in volumes},
        raw=service,
    )


def in_order(containers: Mapping[str, Container]) -> Iterator[Container]:
    """Those without a profile, each behind all it depends on."""
    started: set[str] = set()
    waiting = {name: each for name, each in containers.items() if "profiles" not in each.raw}
    while waiting:
        ready = [each for each in waiting.values() if each.depends_on.keys() <= started]
        assert ready, f"nothing can start: {sorted(waiting)} wait for each other"
        for each in ready:
            started.add(each.name)
            del waiting[each.name]
            yield each
