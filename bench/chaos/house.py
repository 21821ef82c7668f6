"""A mesh whose processes may be killed at any moment: each comes back on the same address."""

import asyncio
import contextlib
import itertools
import os
import random
import re
import signal
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from voicemesh_cli.launcher.broker import find_nats_server

_BACK_AFTER_S = (0.1, 1.5)
_UP_LIMIT_S = 120.0
FAULTS = {
    "busy": 0.05,
    "broken": 0.05,
    "hangs": 0.005,
    "drops_request": 0.03,
    "drops_answer": 0.05,
    "late": 0.01,
    "hang_s": 4.0,
    "late_s": 3.5,
    "retry_after_s": 0.05,
    "token_s": 5.0,
}
"""What the business system does meanwhile: shares of its answers.

What is late is done after nobody waits for its answer any more, and before its record is looked for.
"""
CANONICAL = Path(__file__).resolve().parents[2] / "services" / "crm_gateway" / "mappings" / "canonical_v1.toml"
KILLED = ("nats", "dialogue-a", "dialogue-b", "crm", "sync-local", "sync-a", "sync-b")


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """The processes, by name.

    Args:
        folder: for state and logs.
        databases: URLs by variable; empty: SQLite in the folder.
        faults: of the business system.
        batches: whether what calls came to is written in batches, and only what they asked for at once.
    """

    def __init__(
        self,
        folder: Path,
        databases: dict[str, str],
        faults: dict[str, float] | None = None,
        *,
        batches: bool = True,
    ) -> None:
        self._folder = folder
        self._batches = batches
        self._faults = FAULTS if faults is None else faults
        self._ports = {name: free_port() for name in ("nats", "nlu", "crm", "consent", "simulator", "a", "b")}
        self._databases = databases
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._mapping = folder / "mapping.toml"
        self._alive: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._random = random.Random(20)
        self.kills: Counter[str] = Counter()
        self.dialogues = [f"127.0.0.1:{self._ports[name]}" for name in ("a", "b")]
        self.crm = f"127.0.0.1:{self._ports['crm']}"
        self.simulator = f"http://127.0.0.1:{self._ports['simulator']}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["House"]:
        """Start everything; end it behind the block."""
        if self._batches:
            self._mapping.write_text(_with_batches(CANONICAL.read_text(encoding="utf-8")), encoding="utf-8")
        async with asyncio.TaskGroup() as tasks:
            keepers = [tasks.create_task(self._keep(name)) for name in self._commands()]
            try:
                await self._until_up()
                yield self
            finally:
                for keeper in keepers:
                    keeper.cancel()

    async def kill_in_turn(self, signs: asyncio.Queue[None]) -> None:
        """Kill one process after the other, one at each sign. Ends only by cancellation."""
        for name in itertools.cycle(KILLED):
            await signs.get()
            await self._kill(name)
            signs.task_done()

    async def _kill(self, name: str) -> None:
        """Kill a process; one that is not there yet, or not yet again, is waited for."""
        await self._alive[name].wait()
        self._running[name].kill()
        self._alive[name].clear()
        self.kills[name] += 1

    async def kill_now_and_then(self, between_s: tuple[float, float]) -> None:
        """Kill a process at random, again and again. Ends only by cancellation."""
        while True:
            await asyncio.sleep(self._random.uniform(*between_s))
            await self._kill(self._random.choice(KILLED))

    async def _keep(self, name: str) -> None:
        """Run a process; start it again whenever it ends."""
        command, environment = self._commands()[name]
        with (self._folder / f"{name}.log").open("ab") as log:
            while True:
                process = await asyncio.create_subprocess_exec(
                    *command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
                )
                self._running[name] = process
                self._alive[name].set()
                try:
                    await process.wait()
                finally:
                    self._alive[name].clear()
                    if process.returncode is None:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
                await asyncio.sleep(self._random.uniform(*_BACK_AFTER_S))

    async def _until_up(self) -> None:
        async with asyncio.timeout(_UP_LIMIT_S):
            for port in self._ports.values():
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
                    except OSError:
                        await asyncio.sleep(0.05)
            async with httpx.AsyncClient(base_url=self.simulator) as client:
                (await client.put("/simulator/faults", json=self._faults)).raise_for_status()

    def _commands(self) -> dict[str, tuple[list[str], dict[str, str]]]:
        """Each process's command and environment."""
        ports = self._ports
        at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        common = {
            "VOICEMESH_NATS_URL": f"nats://{at['nats']}",
            "VOICEMESH_STATE_DIR": str(self._folder),
            "VOICEMESH_METRICS_LISTEN": "127.0.0.1:0",
            **self._databases,
        }
        targets = {f"VOICEMESH_{name.upper()}_TARGET": at[name] for name in ("nlu", "crm", "consent")}
        # Nobody speaks: these two are never asked.
        targets |= {"VOICEMESH_ASR_TARGET": "127.0.0.1:1", "VOICEMESH_TTS_TARGET": "127.0.0.1:1"}
        vendor = {
            "VOICEMESH_CRM_VENDOR": "simulator",
            "VOICEMESH_CRM_SYNC_TENANT": "*",
            "VOICEMESH_CRM_URL": self.simulator,
            "VOICEMESH_CRM_TIMEOUT_S": "3",
            "VOICEMESH_CRM_LEASE_S": "15",
            "VOICEMESH_CRM_MAX_ATTEMPTS": "1000",
            "VOICEMESH_CRM_RETRY_LIMIT_S": "2",
        }

        if self._batches:
            vendor |= {
                "VOICEMESH_CRM_MAPPING": str(self._mapping),
                "VOICEMESH_CRM_BATCH_SIZE": "20",
                "VOICEMESH_CRM_BATCH_WAIT_S": "1",
            }

        def service(module: str, listen: str, **more: str) -> tuple[list[str], dict[str, str]]:
            return [sys.executable, "-m", module], {**common, "VOICEMESH_LISTEN": listen, **more}

        nats = [str(find_nats_server()), "--addr", "127.0.0.1", "--port", str(ports["nats"]), "--jetstream"]
        simulator = [sys.executable, "-m", "services.crm_gateway.simulator", "--port", str(ports["simulator"])]
        dialogue = {**targets, "VOICEMESH_DIALOGUE_LEASE_S": "3"}
        return {
            "nats": ([*nats, "--store_dir", str(self._folder / "nats")], {}),
            "simulator": (simulator, {}),
            "nlu": service("services.nlu", at["nlu"]),
            "consent": service("services.consent", at["consent"]),
            "crm": service("services.crm_gateway", at["crm"]),
            "sync-local": service("services.crm_gateway.sync", "127.0.0.1:0"),
            "sync-a": service("services.crm_gateway.sync", "127.0.0.1:0", **vendor),
            "sync-b": service("services.crm_gateway.sync", "127.0.0.1:0", **vendor),
            "dialogue-a": service("services.dialogue", at["a"], **dialogue),
            "dialogue-b": service("services.dialogue", at["b"], **dialogue),
        }


def _with_batches(mapping: str) -> str:
    """Let what a call came to wait for others."""
    changed, found = re.subn(
        r'(\[events\."voicemesh\.events\.v\d\.CallCompleted"\]\n)', r'\1profile = "batch"\n', mapping
    )
    if found != 1:
        raise RuntimeError(f"{CANONICAL} has {found} rules of what a call came to")
    return changed
