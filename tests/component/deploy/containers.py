"""Containers without containers: each a process of this machine, with the environment and folders it would have."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from component.deploy.compose_file import Container
from component.deploy.dockerfile import Stage
from fakes.nats_server import nats_server_path
from fakes.postgres_server import postgres_folder

_HEALTHY_WITHIN_S = 60.0
_STOPPED_WITHIN_S = 20.0


class Running:
    """A container that runs."""

    def __init__(self, container: Container, image: Stage, folder: Path, env: Mapping[str, str]) -> None:
        self.container = container
        self._image = image
        self._folder = folder
        self.log = folder / f"{container.name}.log"
        mounts = [*container.volumes, *(mount.partition(":")[0] for mount in container.raw.get("tmpfs", []))]
        self.mounts = {mount: self._mount(mount) for mount in mounts if mount != "/tmp"}
        # The image's own variables name places in the image already; what is mounted there lies elsewhere.
        mounted = {str(image.path(mount)): path for mount, path in self.mounts.items()}
        own = {name: image.here(value, mounted) for name, value in image.env.items()}
        self.env = own | {name: image.here(value, self.mounts) for name, value in env.items()}
        words = [*container.entrypoint, *(container.command or ([] if container.entrypoint else image.command))]
        self.command = [image.here(word, self.mounts) for word in words]
        self.healthcheck = [image.here(word, self.mounts) for word in container.healthcheck or image.healthcheck]
        self.user: str | None = None
        self._healthy = False
        self.process: subprocess.Popen[bytes] | None = None

    def _mount(self, mount: str) -> Path:
        """A named volume is one folder for all that mount it; a tmpfs is each container's own."""
        name = self.container.volumes.get(mount, f"tmpfs-{self.container.name}-{mount.strip('/').replace('/', '-')}")
        folder = self._folder / "mounts" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self) -> None:
        """Start the container's process."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=self._image.root, stdout=log, stderr=log, user=self.user
            )

    def run_healthcheck(self) -> subprocess.CompletedProcess[str]:
        """Run the health check once, as the engine would."""
        return subprocess.run(
            self.healthcheck, env=self.env, cwd=self._image.root, capture_output=True, text=True, check=False
        )

    def wait_until_healthy(self) -> None:
        """Wait for the health check's first yes. Raises AssertionError with the log when it does not come."""
        deadline = time.monotonic() + _HEALTHY_WITHIN_S
        while not self._healthy:
            assert self.process is not None
            ended = self.process.poll()
            assert ended is None, f"{self.container.name} ended with {ended}:\n{self.logged()}"
            # A health check costs half a second of a processor: ask once there is something to ask.
            check = self.run_healthcheck() if self._listens() else None
            if check is not None and check.returncode == 0:
                self._healthy = True
                return
            assert time.monotonic() < deadline, f"{self.container.name} is not healthy: {check}\n{self.logged()}"
            time.sleep(0.1)

    def _listens(self) -> bool:
        address = self.env.get("VOICEMESH_LISTEN")
        if address is None:
            return True
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def stop(self) -> int:
        """Stop it as the engine does; return its exit code. It is killed when it takes too long."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def logged(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-3000:]


def foreign_image(name: str, folder: Path) -> Stage:
    """What the images of others hold that our commands use: their programs, as this machine has them."""
    programs = folder / f"{name}-image"
    programs.mkdir(exist_ok=True)
    path = [str(programs), "/usr/local/bin", "/usr/bin", "/bin"]
    if name == "nats" and not (programs / "nats-server").exists():
        (programs / "nats-server").symlink_to(nats_server_path())
    if name == "postgres":
        path.insert(0, str(postgres_folder()))
    return Stage(programs, env={"PATH": ":".join(path)})


def prepare_postgres(running: Running) -> None:
    """What the image's entrypoint does before its command: a cluster, its user, its database."""
    binaries = postgres_folder()
    assert binaries is not None
    data = next(iter(running.mounts.values()))
    running.user = "postgres" if os.geteuid() == 0 else None
    password = running._folder / "postgres-password"
    password.write_text(running.env["POSTGRES_PASSWORD"])
    if running.user:
        for path in (data, password):
            shutil.chown(path, running.user)
    user, database = running.env["POSTGRES_USER"], running.env["POSTGRES_DB"]
    options = ["--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"]
    _as(running.user, [str(binaries / "initdb"), "-D", str(data), "-U", user, *options])
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("unix_socket_directories = ''\nfsync = off\n")
    single = [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"]
    _as(running.user, single, f"CREATE DATABASE {database}\n")
    running.env["PGDATA"] = str(data)


def _as(user: str | None, command: list[str], text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, user=user, cwd="/")
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@contextlib.contextmanager
def stopped_at_end(started: list[Running]) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for each in reversed(started):
            if each.process is not None and each.process.poll() is None:
                each.stop()
