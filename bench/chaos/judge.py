"""What must be there once all is quiet: one outcome a call and business system, none lost, none twice."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import grpc
import httpx
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import Record
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from chaos.calls import TENANT, Call

_PAGE = 500
_LOOK_S = 1.0


@dataclass
class Verdict:
    """How many outcomes there should be and are."""

    outcomes: int
    """Calls that began, times business systems: each must have one outcome there."""
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether each is there once."""
        return not self.lost and not self.duplicated


async def judge(calls: list[Call], crm: str, simulator: str, patience_s: float) -> Verdict:
    """Compare what began with what was written, once nothing is missing any more or the patience is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        verdict = _compare(calls, await _records(crm), await _tickets(simulator))
        if not verdict.lost or loop.time() > deadline:
            return verdict
        await asyncio.sleep(_LOOK_S)


def _compare(calls: list[Call], records: list[Record], tickets: Counter[str]) -> Verdict:
    """Each call has one interaction; each record of the local CRM has one ticket, and the other way round."""
    verdict = Verdict(outcomes=2 * len(calls))
    interactions = Counter(record.session_id for record in records if record.kind == "interaction")
    by_session = {record.session_id: record.record_id for record in records if record.kind == "interaction"}
    actions = Counter((record.session_id, record.kind) for record in records if record.kind != "interaction")
    for call in calls:
        if not interactions[call.session_id]:
            verdict.lost.append(f"local: session {call.session_id}")
        elif by_session[call.session_id] not in tickets:
            verdict.lost.append(f"simulator: session {call.session_id}")
        wanted = {"appointment_booked": "appointment", "return_requested": "return"}.get(call.disposition)
        if wanted and not actions[call.session_id, wanted]:
            verdict.lost.append(f"local: {wanted} of session {call.session_id}")
    ids = {record.record_id for record in records}
    verdict.lost += [f"simulator: record {record_id}" for record_id in sorted(ids - set(tickets))]
    verdict.lost += [f"local: ticket {record_id}" for record_id in sorted(set(tickets) - ids)]
    verdict.duplicated += [f"local: session {key}" for key, count in interactions.items() if count > 1]
    verdict.duplicated += [f"local: {key[1]} of session {key[0]}" for key, count in actions.items() if count > 1]
    verdict.duplicated += [f"simulator: record {key}" for key, count in tickets.items() if count > 1]
    return verdict


async def _records(address: str) -> list[Record]:
    found: list[Record] = []
    context = RequestContext(tenant_id=TENANT, region="local", correlation_id="chaos", language="en-US")
    async with grpc.aio.insecure_channel(address) as channel:
        stub, token = CrmServiceStub(channel), ""
        while True:
            request = pb.ListRecordsRequest(context=context, page_size=_PAGE, page_token=token)
            page = await stub.ListRecords(request, timeout=10, wait_for_ready=True)
            found += page.records
            token = page.next_page_token
            if not token:
                return found


async def _tickets(address: str) -> Counter[str]:
    async with httpx.AsyncClient(base_url=address) as client:
        (await client.put("/simulator/faults", json={})).raise_for_status()
        return Counter(item["external_id"] for item in await all_tickets(client))


async def all_tickets(client: httpx.AsyncClient) -> list[dict[str, str]]:
    """Return every ticket of the simulated business system; it must not misbehave meanwhile."""
    token = (await client.post("/oauth/token")).json()["access_token"]
    found: list[dict[str, str]] = []
    cursor: str | None = "0"
    while cursor is not None:
        headers = {"authorization": f"Bearer {token}"}
        page = (await client.get("/tickets", params={"cursor": cursor}, headers=headers)).json()
        found += page["items"]
        cursor = page["next"]
    return found
