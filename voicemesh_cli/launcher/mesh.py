"""The whole mesh as one async context manager."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicemesh_cli.launcher.broker import broker
from voicemesh_cli.launcher.process import Process, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from voicemesh_cli.endpoints import MeshState
    from voicemesh_cli.launcher.options import LaunchOptions, ServiceSpec


@dataclass(frozen=True)
class RunningMesh:
    """A mesh that serves. `addresses` maps a service's name to its "host:port", `logs` to its log file."""

    addresses: Mapping[str, str]
    nats_url: str
    state_dir: Path
    processes: Mapping[str, Process]

    @property
    def logs(self) -> dict[str, Path]:
        """The log file of each process."""
        return {name: process.log_file for name, process in self.processes.items()}

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each process, for tests that kill one."""
        return {name: process.pid for name, process in self.processes.items()}

    async def watch(self) -> None:
        """Never returns: raises LaunchError when a process of the mesh ends before the mesh is stopped."""

        async def watch(process: Process) -> None:
            raise await process.ended()

        try:
            async with asyncio.TaskGroup() as tasks:
                for process in self.processes.values():
                    tasks.create_task(watch(process))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Cancel the block when a process of the mesh ends meanwhile, and raise its LaunchError (in a group)."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self.watch())
            yield
            watching.cancel()

    def state(self) -> MeshState:
        """What mesh.json says of this mesh."""
        return {
            "pid": os.getpid(),
            "services": dict(self.addresses),
            "nats_url": self.nats_url,
            "state_dir": str(self.state_dir.resolve()),
        }


@contextlib.asynccontextmanager
async def launch(options: LaunchOptions) -> AsyncIterator[RunningMesh]:
    """Start the broker and the services; behind the block stop them, the dialogue first, the broker last.

    Raises LaunchError when a process dies before it serves or does not serve within `ready_limit_s`;
    what was started is stopped then, and nothing is left running.
    """
    options.ready_file("").parent.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        processes: dict[str, Process] = {}
        nats_url = ""
        if options.with_broker:
            processes["nats"], nats_url = await stack.enter_async_context(broker(options))
        addresses: dict[str, str] = {}
        for late in (False, True):
            group = _Group(options, nats_url, dict(addresses))
            stage = [spec for spec in options.services if spec.after_others is late]
            processes |= await stack.enter_async_context(group.started(stage))
            addresses |= await group.ready(stage, processes)
        yield RunningMesh(addresses, nats_url, options.state_dir, processes)
        if not options.stop_in_order:
            await _stop(options, {name: process for name, process in processes.items() if name != "nats"})


class _Group:
    """Services that start and stop side by side."""

    def __init__(self, options: LaunchOptions, nats_url: str, known: Mapping[str, str]) -> None:
        self._options = options
        self._nats_url = nats_url
        self._known = known

    @contextlib.asynccontextmanager
    async def started(self, specs: list[ServiceSpec]) -> AsyncIterator[dict[str, Process]]:
        """Run the services for the length of the block; their processes by name."""
        options = self._options
        async with contextlib.AsyncExitStack() as stack:
            processes = {}
            for spec in specs:
                options.ready_file(spec.name).unlink(missing_ok=True)
                options.on_progress(spec.name, "starting")
                processes[spec.name] = await stack.enter_async_context(
                    started(
                        spec.name,
                        [sys.executable, "-m", spec.module],
                        env=self._environment(spec),
                        log_file=options.log_file(spec.name),
                        grace_s=options.stop_grace_s,
                    )
                )
            try:
                yield processes
            finally:
                # All at once; the stack behind finds them ended.
                await _stop(options, processes)

    async def ready(self, specs: list[ServiceSpec], processes: Mapping[str, Process]) -> dict[str, str]:
        """Wait until all of the services serve; their addresses by name."""

        async def address(spec: ServiceSpec) -> str:
            file = self._options.ready_file(spec.name)
            found = await processes[spec.name].wait_until(lambda: _address(file), self._options.ready_limit_s)
            self._options.on_progress(spec.name, "ready")
            return found

        try:
            async with asyncio.TaskGroup() as tasks:
                waiting = {spec.name: tasks.create_task(address(spec)) for spec in specs}
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return {name: task.result() for name, task in waiting.items()}

    def _environment(self, spec: ServiceSpec) -> dict[str, str]:
        """The service's environment: this process's, then the launcher's own words, then the options'."""
        options = self._options
        targets = {
            known.target_env: f"{self._known[known.name]}@{options.region}"
            for known in options.services
            if known.target_env and known.name in self._known
        }
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "VOICEMESH_LISTEN": options.dialogue_listen if spec.name == "dialogue" else "127.0.0.1:0",
            "VOICEMESH_METRICS_LISTEN": "127.0.0.1:0",
            "VOICEMESH_READY_FILE": str(options.ready_file(spec.name).resolve()),
            "VOICEMESH_NATS_URL": self._nats_url,
            "VOICEMESH_STATE_DIR": str(options.state_dir.resolve()),
            "VOICEMESH_OTLP_ENDPOINT": options.otlp_endpoint,
            "VOICEMESH_REGION": options.region,
            **targets,
            **options.env,
            **options.service_env.get(spec.name, {}),
        }


async def _stop(options: LaunchOptions, processes: Mapping[str, Process]) -> None:
    """Stop processes side by side."""
    for name in processes:
        options.on_progress(name, "stopping")
    await asyncio.gather(*(process.stop(options.stop_grace_s) for process in processes.values()))


def _address(ready_file: Path) -> str | None:
    """The address from a ready file; None while it is not written, or only in part."""
    try:
        return str(json.loads(ready_file.read_text(encoding="utf-8"))["address"])
    except (FileNotFoundError, ValueError):
        return None
