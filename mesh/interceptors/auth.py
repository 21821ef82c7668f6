"""Who asks? Until real authentication comes there is one mode, `local`: everyone on this machine only."""

import contextlib
import ipaddress
from collections.abc import AsyncIterator

from mesh.config import ConfigError, split_address
from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.base import AroundInterceptor, Call


def check_listen(address: str, variable: str) -> None:
    """Refuse to listen anywhere but on loopback: an open mesh must be impossible by accident.

    Raises:
        ConfigError: naming `variable`.
    """
    host, _ = split_address(address, variable)
    if not _is_loopback(host):
        raise ConfigError(
            f"{variable}={address!r}: VOICEMESH_AUTH_MODE=local has no authentication and listens on "
            "loopback only; use 127.0.0.1, ::1 or localhost"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LocalAuthInterceptor(AroundInterceptor):
    """Lets callers on this machine pass and refuses all others, whatever the socket was bound to."""

    @contextlib.asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Check the caller's address."""
        if not _is_local_peer(call.context.peer()):
            raise MeshError(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "this mesh runs in local mode and answers callers on its own machine only",
            )
        yield


def _is_local_peer(peer: str) -> bool:
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return True
    host = rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
    return _is_loopback(host)
