"""The gRPC server of a service: interceptors in their order, health, reflection, channelz."""

import grpc
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh.config import ServiceSettings
from mesh.interceptors.auth import LocalAuthInterceptor
from mesh.interceptors.deadline import DeadlineInterceptor
from mesh.interceptors.errors import ErrorsInterceptor
from mesh.interceptors.in_flight import InFlightInterceptor
from mesh.interceptors.metrics import MetricsInterceptor
from mesh.interceptors.principals import PrincipalInterceptor, declared
from mesh.interceptors.tracing import TracingInterceptor
from mesh.interceptors.validation import ValidationInterceptor

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Above the largest field rule, so that a message too large is refused by its rule, with a reason."""

OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Notice a vanished peer, and permit the pings by which our own channels notice a stopped server.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
]


def interceptors(settings: ServiceSettings) -> list[grpc.aio.ServerInterceptor]:
    """Return the interceptors, outermost first.

    Errors and metrics stand outside those that refuse: every refusal has its reason and is counted.
    """
    return [
        TracingInterceptor(),
        MetricsInterceptor(),
        ErrorsInterceptor(),
        LocalAuthInterceptor(),
        PrincipalInterceptor(declared(settings.granted_scopes())),
        DeadlineInterceptor(settings.unary_limit_s, settings.stream_limit_s),
        ValidationInterceptor(settings.stall_limit_s),
    ]


def make_grpc_server(settings: ServiceSettings, in_flight: InFlightInterceptor) -> grpc.aio.Server:
    """Return a server with all that every service has but health and reflection, which need its names."""
    server = grpc.aio.server(interceptors=[in_flight, *interceptors(settings)], options=OPTIONS)
    channelz.add_channelz_servicer(server)
    return server


class Health:
    """Health by service name; the empty name stands for the whole process."""

    def __init__(self, server: grpc.aio.Server, services: list[str]) -> None:
        self._servicer = health.aio.HealthServicer()
        self._services = ["", *services]
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        names = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)

    async def serving(self) -> None:
        """Say that calls are welcome."""
        for name in self._services:
            await self._servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def draining(self) -> None:
        """Say that no new calls are welcome, for good."""
        await self._servicer.enter_graceful_shutdown()
