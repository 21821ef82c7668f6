# ruff: noqa: INP001 - a script, run by its path
"""Ask this container's service for its health: exits with 0 when it serves, with 1 and a sentence when not."""

import os
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 3.0


def main() -> int:
    """Check the process behind VOICEMESH_LISTEN."""
    address = os.environ.get("VOICEMESH_LISTEN", "")
    if not address or address.endswith(":0"):
        sys.stderr.write("VOICEMESH_LISTEN must name a fixed port, for example 127.0.0.1:7400\n")
        return 1
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S, wait_for_ready=True
            )
        except grpc.RpcError as error:
            sys.stderr.write(f"{address} does not answer: {error}\n")
            return 1
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        sys.stderr.write(f"{address} answers {name}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
