"""`run(settings_class, build)`: the whole `__main__` of every service."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TypeVar

from mesh import logs, telemetry
from mesh.config import ConfigError, ServiceSettings, load
from mesh.serving import Runtime, Serving, instance_name, serving

__all__ = ["Runtime", "run"]

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
_log = logs.get_logger(__name__)
_WRONG_CONFIG = 2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(
    settings_class: type[SettingsT], build: Callable[[SettingsT, Runtime], Awaitable[None]], *, service: str
) -> None:
    """Serve until a signal comes: the first drains, the second ends the process at once.

    Exits with 2 and a sentence on stderr when the configuration is refused.
    """
    try:
        settings = load(settings_class)
        logs.configure(service, settings.log_level, settings.log_format)
        instance = instance_name(settings, service)
        with telemetry.exporting(service, instance, settings.region, settings.otlp_endpoint):
            asyncio.run(_serve(settings, build, service))
    except ConfigError as error:
        sys.exit(_refused(service, error))
    except BaseExceptionGroup as group:
        refused, others = group.split(ConfigError)
        if others is not None or refused is None:
            raise
        sys.exit(_refused(service, refused.exceptions[0]))


def _refused(service: str, error: BaseException) -> int:
    sys.stderr.write(f"{service}: {error}\n")
    return _WRONG_CONFIG


async def _serve(settings: SettingsT, build: Callable[[SettingsT, Runtime], Awaitable[None]], service: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _on_first_signal, loop, stop)
    async with serving(settings, build, service) as ready:
        await _until_stopped(ready, stop)


async def _until_stopped(ready: Serving, stop: asyncio.Event) -> None:
    await stop.wait()
    _log.info("service.draining", address=ready.address)


def _on_first_signal(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    stop.set()
    for number in _SIGNALS:
        # No longer the loop's: whoever signals twice may do so because the loop is stuck.
        loop.remove_signal_handler(number)
        signal.signal(number, _on_second_signal)


def _on_second_signal(number: int, _: FrameType | None) -> None:
    _log.warning("service.ended_at_once", signal=signal.Signals(number).name)
    os._exit(1)
