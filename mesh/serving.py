"""A service from build to end: build, serve, report ready, drain, close."""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, make_server

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from mesh import logs
from mesh.config import ConfigError, ServiceSettings, split_address
from mesh.interceptors.auth import check_listen
from mesh.interceptors.in_flight import InFlightInterceptor
from mesh.pool import Pool, parse_targets, pool
from mesh.server import Health, make_grpc_server

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
_log = logs.get_logger(__name__)
_CLEAN_UP_S = 5.0
"""What handlers get after their calls were cancelled, before the resources they use are closed."""


def instance_name(settings: ServiceSettings, service: str) -> str:
    """Return this process's name: as configured, else unlike that of any other process on any host."""
    return settings.instance or f"{service}-{socket.gethostname()}-{os.getpid()}"


@dataclass
class Runtime:
    """What `build` gets: where to enter resources, start tasks and add servicers."""

    service: str
    settings: ServiceSettings
    server: grpc.aio.Server
    stack: contextlib.AsyncExitStack
    """Enter every resource here; closed in reverse order after the drain."""
    tasks: asyncio.TaskGroup
    """Background tasks; cancelled after the drain, before resources close. One that fails ends all."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when no new work should begin."""
    services: list[str] = field(default_factory=list)

    @property
    def instance(self) -> str:
        """This process's name."""
        return instance_name(self.settings, self.service)

    def add_servicer(
        self, add_to_server: Callable[[Any, Any], None], servicer: object, descriptor: ServiceDescriptor
    ) -> None:
        """Serve a gRPC service; its health is reported by its full name."""
        add_to_server(servicer, self.server)
        self.services.append(descriptor.full_name)

    async def connect(self, name: str, targets: str, variable: str) -> Pool:
        """Return a pool of channels to another service, closed with the service.

        Args:
            name: the other service's name, for errors.
            targets: `host:port@region,...`.
            variable: the environment variable `targets` came from, for errors.

        Raises:
            ConfigError: when `targets` cannot be read.
        """
        members = parse_targets(targets, variable)
        return await self.stack.enter_async_context(pool(name, self.settings.region, members))


@dataclass(frozen=True)
class Serving:
    """A service that is ready."""

    address: str
    metrics_address: str
    runtime: Runtime
    drain: Callable[[float], Awaitable[None]]
    """Take nothing new, give calls in progress so many seconds, then end them."""


class _SilentHandler(WSGIRequestHandler):
    """Scrapes are not worth a log line."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


class _ClosedError(Exception):
    """Ends the task group's tasks."""


@contextlib.asynccontextmanager
async def serving(
    settings: SettingsT, build: Callable[[SettingsT, Runtime], Awaitable[None]], service: str
) -> AsyncIterator[Serving]:
    """Build and serve while the context is entered; drain at its end.

    Raises:
        ConfigError: when the settings do not go together or an address cannot be had.
    """
    check_listen(settings.listen, "VOICEMESH_LISTEN")
    check_listen(settings.metrics_listen, "VOICEMESH_METRICS_LISTEN")
    in_flight = InFlightInterceptor()
    server = make_grpc_server(settings, in_flight)
    async with contextlib.AsyncExitStack() as stack:
        # What ends between the server's start and the drain (a task that failed at once) leaves none running.
        stack.push_async_callback(server.stop, None)
        try:
            async with asyncio.TaskGroup() as tasks:
                runtime = Runtime(service, settings, server, stack, tasks)
                await build(settings, runtime)
                ready = await _start(runtime, settings, in_flight)
                try:
                    yield ready
                finally:
                    await ready.drain(settings.drain_s)
                raise _ClosedError  # noqa: TRY301 - cancels the group's tasks
        except* _ClosedError:
            pass


async def _start(runtime: Runtime, settings: ServiceSettings, in_flight: InFlightInterceptor) -> Serving:
    health = Health(runtime.server, runtime.services)
    host, _ = split_address(settings.listen, "VOICEMESH_LISTEN")
    try:
        port = runtime.server.add_insecure_port(settings.listen)
    except RuntimeError as error:
        raise _not_had("VOICEMESH_LISTEN", settings.listen, error) from error
    metrics_address = _serve_metrics(runtime, settings)
    await runtime.server.start()
    await health.serving()
    address = f"{f'[{host}]' if ':' in host else host}:{port}"

    async def drain(grace_s: float) -> None:
        if runtime.draining.is_set():
            return
        runtime.draining.set()
        if settings.ready_file is not None:
            settings.ready_file.unlink(missing_ok=True)
        try:
            await health.draining()
        finally:
            await runtime.server.stop(grace_s)
        if not await in_flight.ended(_CLEAN_UP_S):
            _log.warning("service.calls_left", calls=in_flight.count)

    _log.info("service.ready", address=address, metrics=metrics_address)
    if settings.ready_file is not None:
        _write_ready(settings, runtime.service, address, metrics_address)
    return Serving(address, metrics_address, runtime, drain)


def _serve_metrics(runtime: Runtime, settings: ServiceSettings) -> str:
    host, port = split_address(settings.metrics_listen, "VOICEMESH_METRICS_LISTEN")
    try:
        http = make_server(host, port, make_wsgi_app(), ThreadingWSGIServer, _SilentHandler)
    except OSError as error:
        raise _not_had("VOICEMESH_METRICS_LISTEN", settings.metrics_listen, error) from error
    # prometheus_client's own server looks twice a second whether it should end, and the service would wait for it.
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def close() -> None:
        http.shutdown()
        http.server_close()
        thread.join()

    runtime.stack.callback(close)
    return f"{host}:{http.server_port}"


def _not_had(variable: str, address: str, error: Exception) -> ConfigError:
    return ConfigError(f"{variable}={address!r} cannot be listened on ({error}); is another process there?")


def _write_ready(settings: ServiceSettings, service: str, address: str, metrics_address: str) -> None:
    path = settings.ready_file
    assert path is not None
    text = {"service": service, "pid": os.getpid(), "address": address, "metrics_address": metrics_address}
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(text))
    partial.replace(path)
