"""Three nats-servers from `deploy/nats/cluster.conf`, for the length of a test."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from fakes.nats_server import free_port, nats_server_path

CONF = Path(__file__).parents[2] / "deploy" / "nats" / "cluster.conf"
TOKEN = "cluster-test-token"
_PASSWORD = "between-servers"
_NAMES = ("a", "b", "c")


class NatsCluster:
    """The servers, each with its own folder and ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in _NAMES}
        self._between = {name: free_port() for name in _NAMES}
        self._monitors = {name: free_port() for name in _NAMES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """All servers, as VOICEMESH_NATS_URL names them."""
        return ",".join(f"nats://{TOKEN}@127.0.0.1:{port}" for port in self._ports.values())

    def environment(self, name: str) -> dict[str, str]:
        """What one server is told."""
        routes = {
            f"NATS_ROUTE_{other.upper()}": f"nats://voicemesh:{_PASSWORD}@127.0.0.1:{self._between[other]}"
            for other in _NAMES
        }
        return {
            "NATS_SERVER_NAME": f"nats-{name}",
            "NATS_HOST": "127.0.0.1",
            "NATS_PORT": str(self._ports[name]),
            "NATS_MONITOR": f"127.0.0.1:{self._monitors[name]}",
            "NATS_TOKEN": TOKEN,
            "NATS_STORE_DIR": str(self._folder / name),
            "NATS_MAX_FILE_STORE": "1GB",
            "NATS_CLUSTER_PORT": str(self._between[name]),
            "NATS_CLUSTER_PASSWORD": _PASSWORD,
            **routes,
        }

    def start(self, name: str) -> None:
        """Start a server; it joins the others by itself."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [nats_server_path(), "-c", str(CONF)],
                env={**os.environ, **self.environment(name)},
                stdout=log,
                stderr=log,
            )

    async def kill(self, name: str) -> None:
        """End a server as a crash does."""
        process = self._processes.pop(name.removeprefix("nats-"))
        process.kill()
        await asyncio.to_thread(process.wait, 20)

    def logs(self) -> str:
        """What the servers said."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("*.log")))


@contextlib.asynccontextmanager
async def nats_cluster(folder: Path) -> AsyncIterator[NatsCluster]:
    """Run three servers with empty stores."""
    cluster = NatsCluster(folder)
    try:
        for name in _NAMES:
            cluster.start(name)
        yield cluster
    finally:
        for name in tuple(cluster._processes):
            await cluster.kill(name)
