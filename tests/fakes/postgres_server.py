"""A real PostgreSQL server, where one is installed, for the length of a test session."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.nats_server import free_port

REQUIRED = "VOICEMESH_REQUIRE_POSTGRES"


def postgres_folder() -> Path | None:
    """Find the folder of initdb and postgres: the PATH, else where Debian keeps the newest version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0])
    )
    return versions[-1].parent if versions else None


def _unavailable(reason: str) -> None:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1 asks for it")
    pytest.skip(f"{reason}: install PostgreSQL (Debian: apt-get install postgresql) to run this test")


def _user() -> str | None:
    """PostgreSQL refuses to run as root: give the account to run it as, None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    _unavailable("running as root, and there is no other account to run PostgreSQL as")
    return None


def _log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a loopback port and give the URL of its database; skip the test where there is none."""
    binaries = postgres_folder()
    if binaries is None:
        _unavailable("PostgreSQL is not installed")
        return
    user = _user()
    with tempfile.TemporaryDirectory(prefix="voicemesh-postgres-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "voicemesh", "--auth=trust", "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True, user=user, cwd=folder,
        )  # fmt: skip
        port = free_port()
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
                stdout=log, stderr=log, user=user, cwd=folder,
            )  # fmt: skip
        try:
            _wait(binaries, port, server, folder)
            yield f"postgresql+psycopg://voicemesh@127.0.0.1:{port}/postgres"
        finally:
            # At once: its data goes with the folder.
            server.send_signal(signal.SIGQUIT)
            server.wait(30)


def _wait(binaries: Path, port: int, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 60
    ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {_log(folder)}")
        time.sleep(0.05)
