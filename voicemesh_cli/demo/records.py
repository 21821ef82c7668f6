"""What the call left behind in the CRM's database, asked for over gRPC as a user would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
from voicemesh.crm.v1 import crm_pb2, crm_service_pb2, crm_service_pb2_grpc

from voicemesh_cli import endpoints

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_POLL_S = 0.1


async def wait_for_records(
    address: str, session_id: str, kinds: Collection[str], limit_s: float
) -> Sequence[crm_pb2.Record]:
    """The session's records as soon as there is one of every kind, else what is there after `limit_s` seconds."""
    request = crm_service_pb2.ListRecordsRequest(context=endpoints.context(), session_id=session_id)
    records: Sequence[crm_pb2.Record] = ()
    async with grpc.aio.insecure_channel(address) as channel:
        stub = crm_service_pb2_grpc.CrmServiceStub(channel)
        for _ in range(int(limit_s / _POLL_S)):
            records = (await stub.ListRecords(request, timeout=limit_s)).records
            if {record.kind for record in records} >= set(kinds):
                break
            await asyncio.sleep(_POLL_S)
    return records
