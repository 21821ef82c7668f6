"""A process of the gateway as it is started in production, to be ended as crashes do."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from fakes.background import eventually


class Process:
    """`python -m MODULE`."""

    def __init__(self, module: str, folder: Path, nats_url: str, **environment: str) -> None:
        self._module = module
        self._folder = folder
        self._ready = folder / f"{module}.json"
        self._environment = {
            **os.environ,
            "VOICEMESH_NATS_URL": nats_url,
            "VOICEMESH_STATE_DIR": str(folder),
            "VOICEMESH_READY_FILE": str(self._ready),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Start it and give its address once it serves."""
        self._ready.unlink(missing_ok=True)
        self._process = await asyncio.to_thread(self._launch)

        async def serves() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "log").read_text()
            return self._ready.exists()

        await eventually(serves, within_s=60)
        return str(json.loads(self._ready.read_text())["address"])

    def _launch(self) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", self._module], env=self._environment, stdout=log, stderr=log)

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal and give its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return await asyncio.to_thread(self._process.wait, 30)
        finally:
            self._process.kill()
            self._process.wait()


@contextlib.asynccontextmanager
async def started(process: Process) -> AsyncIterator[str]:
    address = await process.start()
    try:
        yield address
    finally:
        await process.end(signal.SIGKILL)
