"""What words mean, asked of a running understanding service, one text at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.nlu.v1.nlu_pb2 import Expectation as ExpectationProto
from voicemesh.nlu.v1.nlu_service_pb2 import ParseTextRequest
from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceStub

from services.dialogue.adapters.nlu import understanding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.dialogue.flow.tools.play import Understand
    from services.dialogue.policy import CallInfo, Expectation, Understanding

_TIMEOUT_S: Final = 30.0


@contextlib.contextmanager
def understanding_service(target: str) -> Iterator[Understand]:
    """Connect to the service at "host:port" for the length of the block.

    What it yields raises `grpc.RpcError` when the service does not answer.
    """
    with grpc.insecure_channel(target) as channel:
        stub = NluServiceStub(channel)

        def understand(text: str, expectation: Expectation, call: CallInfo) -> Understanding:
            moment = Timestamp()
            moment.FromDatetime(call.now)
            request = ParseTextRequest(
                context=RequestContext(
                    tenant_id="default",
                    region="local",
                    correlation_id="flow-tools",
                    language=call.language,
                    time_zone=call.time_zone,
                ),
                domain=call.domain,
                text=text,
                expectation=ExpectationProto(intents=expectation.intents, entity_types=expectation.entity_types),
                reference_time=moment,
            )
            return understanding(text, stub.ParseText(request, timeout=_TIMEOUT_S).parse)

        yield understand
