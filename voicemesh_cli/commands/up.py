"""`voicemesh up`: keeps a mesh running on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_codec
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicemesh_cli import endpoints, output
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_cli.launcher.view import starting

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PORT = 7411
STOP_GRACE_S = 15.0
"""How long a service may take to end: more than the calls in progress get (VOICEMESH_DRAIN_S, 10 s)."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh up", "voicemesh up --port 7500"))
    def up(
        port: Annotated[
            int, typer.Option(min=0, max=65535, help="Port of the dialogue service on 127.0.0.1; 0: any.")
        ] = DEFAULT_PORT,
        json: output.JsonOption = False,
    ) -> None:
        """Keep the mesh running until Ctrl-C: the broker and all services, each a process of its own.

        Other commands find it by themselves. Databases and logs are in VOICEMESH_STATE_DIR (./var).
        """
        with output.command(json) as out:
            output.make_folder(endpoints.state_file().parent, "VOICEMESH_STATE_DIR")
            _check(port)
            asyncio.run(_run(out, port))


def _check(port: int) -> None:
    """Refuse early what would fail late."""
    running = endpoints.running_mesh()
    if running is not None:
        raise output.InputError(
            f"a mesh runs here already (process {running['pid']}, dialogue at "
            f"{running['services']['dialogue']}): use it, or stop it with Ctrl-C in its terminal."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise output.InputError(
                f"port {port} is not free ({error.strerror}): choose another one with --port, or 0 for any."
            ) from None


async def _run(out: output.Output, port: int) -> None:
    state_file = endpoints.state_file()
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        with starting(out.console) as progress:
            options = LaunchOptions(
                state_dir=state_file.parent,
                dialogue_listen=f"127.0.0.1:{port}",
                otlp_endpoint=os.environ.get("VOICEMESH_OTLP_ENDPOINT", ""),
                region=os.environ.get("VOICEMESH_REGION", endpoints.DEFAULT_REGION),
                on_progress=progress,
                stop_grace_s=STOP_GRACE_S,
            )
            mesh = await stack.enter_async_context(launch(options))
        # Whoever finds the mesh by its file may also end it: the signals are heard first.
        with _stop_signals() as stopped, _written(state_file, mesh):
            _print_mesh(out, mesh, time.monotonic() - began)
            out.document({**mesh.state(), "logs": {name: str(path) for name, path in mesh.logs.items()}})
            async with mesh.watched():
                await stopped.wait()
        out.console.print("\nstopping; calls in progress may end first ...")
    out.console.print("stopped.")


@contextlib.contextmanager
def _written(state_file: Path, mesh: RunningMesh) -> Iterator[None]:
    """mesh.json for the length of the block: other commands find the mesh by it."""
    part = state_file.with_suffix(".part")
    part.write_text(json_codec.dumps(mesh.state(), indent=2) + "\n", encoding="utf-8")
    part.replace(state_file)
    try:
        yield
    finally:
        state_file.unlink(missing_ok=True)


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set by a signal that ends programs, for the length of the block."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _print_mesh(out: output.Output, mesh: RunningMesh, seconds: float) -> None:
    voicemesh = own_command()
    out.console.print(f"[bold green]The mesh is up[/] ({seconds:.1f} s).\n")
    for name, address in mesh.addresses.items():
        style = "bold" if name == "dialogue" else "dim"
        out.console.print(f"  [{style}]{name:<10} {address:<18}[/] [dim]{mesh.logs[name]}[/]")
    out.console.print(f"  [dim]{'nats':<10} {mesh.nats_url.removeprefix('nats://'):<18} {mesh.logs['nats']}[/]")
    out.console.print("\nIn another terminal, try\n")
    for line, what in (
        ("talk", "talk to it yourself"),
        ("call examples/recordings/clinic-booking.wav", "play a caller's recording"),
        ("crm list", "see what the calls left behind"),
    ):
        out.console.print(f"  [dim]# {what}[/]\n  [bold]{voicemesh} {line}[/]")
    out.console.print("\nCtrl-C stops it.")


def own_command() -> str:
    """How this command line is called from here in another terminal, where no environment is activated."""
    if os.environ.get("VIRTUAL_ENV"):
        return "voicemesh"
    script = Path(sys.executable).parent / "voicemesh"
    with contextlib.suppress(ValueError):
        return str(script.relative_to(Path.cwd()))
    return str(script)
