"""An ASGI application served inside a process that has its own signals and its own end."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from mesh import logs
from mesh.config import ConfigError, split_address
from mesh.interceptors.auth import check_listen

_VARIABLE = "VOICEMESH_CRM_WEBHOOK_LISTEN"
_GRACE_S = 5
_CONNECTIONS = 200
"""More at once are answered with 503: senders try again, and each body may take a megabyte of memory."""
_log = logs.get_logger(__name__)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield


def listener(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`, loopback only.

    Raises:
        ConfigError: the address is wrong, or cannot be had.
    """
    check_listen(address, _VARIABLE)
    host, port = split_address(address, _VARIABLE)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"{_VARIABLE}={address!r} cannot be listened on ({error}); is another process there?"
        ) from error


async def serve(application: Starlette, sock: socket.socket) -> None:
    """Serve until cancelled; requests in progress then get five seconds."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    _log.info("crm_sync.webhooks", address="{}:{}".format(*sock.getsockname()[:2]))
    try:
        await server.serve([sock])
    finally:
        server.should_exit = True
        if server.started:
            await server.shutdown([sock])
