"""Where the mesh is: addresses in the order in which they are tried, and channels to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

# All of them are needed to notice a stopped process within about two seconds. Channels share no connection, so
# that a new one does not wait for what is left of an old one's delay.
_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)
# gRPC's own way to write several addresses of one target: not ours to take apart.
_LISTS_OF_ITS_OWN = ("ipv4:", "ipv6:")


def addresses_of(target: str | Sequence[str]) -> tuple[str, ...]:
    """The addresses in "host:port,host:port", or in a sequence of such. Raises ValueError for none or an empty one."""
    targets = [target] if isinstance(target, str) else list(target)
    addresses: list[str] = []
    for one in targets:
        addresses += [one] if one.startswith(_LISTS_OF_ITS_OWN) else one.split(",")
    addresses = [address.strip() for address in addresses]
    if not addresses or not all(addresses):
        raise ValueError(f"{target!r} names no address or an empty one: use host:port, with commas between several")
    return tuple(dict.fromkeys(addresses))


class Channels:
    """The channels to a mesh: one to each address that all calls share, and more where a session wants its own."""

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        credentials: grpc.ChannelCredentials | None = None,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self._order = list(addresses_of(target))
        self._credentials = credentials
        self._interceptors = tuple(interceptors)
        self._options = tuple({**dict(_OPTIONS), **dict(options)}.items())
        self._shared: dict[str, grpc.aio.Channel] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in the order in which they are to be tried: as given, but one that failed comes last."""
        return tuple(self._order)

    def failed(self, address: str) -> None:
        """Lets an address be tried behind the others from now on."""
        self._order.remove(address)
        self._order.append(address)

    def shared(self, address: str) -> grpc.aio.Channel:
        """The channel to an address that all calls share; it connects with the first of them."""
        if address not in self._shared:
            self._shared[address] = self.own(address)
        return self._shared[address]

    def own(self, address: str) -> grpc.aio.Channel:
        """A new channel to an address: nothing delays its first attempt. Whoever takes it closes it."""
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, options=self._options, interceptors=self._interceptors)
        return grpc.aio.secure_channel(
            address, self._credentials, options=self._options, interceptors=self._interceptors
        )

    async def close(self) -> None:
        """Closes the shared channels and what runs on them."""
        while self._shared:
            _, channel = self._shared.popitem()
            await channel.close()
