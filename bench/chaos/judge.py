"""What must be there once all is quiet: one outcome a call and business system, none lost, none twice."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import get_args

import grpc
import httpx
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import Record
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.crm.v1.write_back_service_pb2 import GetWriteBackStatusRequest
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceStub

from chaos.calls import TENANT, Call
from services.crm_gateway.simulator.model import Fault

_PAGE = 500
_ANSWER_S = 60.0
"""The gateway may just have been killed, and start on a busy machine."""
LOOK_S = 1.0
QUIET_S = 30.0
"""Longer than a lease of a killed process, a late answer, and the time after which an event comes again."""


@dataclass
class Verdict:
    """How many outcomes there should be and are."""

    outcomes: int
    """Calls that began, times business systems: each must have one outcome there."""
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    """How often the business system did what it should not."""

    @property
    def good(self) -> bool:
        """Whether each is there once."""
        return not self.lost and not self.duplicated


@dataclass
class Look:
    """What is there at one moment."""

    waiting: int
    """Records that are on their way to business systems."""
    records: list[Record]
    """Those of the local CRM."""
    tickets: Counter[str]
    """Those of the business system, by the local record they are of."""


async def judge(
    calls: list[Call], look: Callable[[], Awaitable[Look]], *, patience_s: float, quiet_s: float = QUIET_S
) -> Verdict:
    """Compare what began with what was written, once all is quiet or the patience is over.

    What waits is waited for, then what may still be at work unseen: a process that was killed holds its records until
    their lease ends, a request that was given up may still be done, an event that was not acknowledged comes again.
    Only what is the same behind that is the verdict.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    quiet_since: float | None = None
    while True:
        seen = await look()
        verdict, now = _compare(calls, seen.records, seen.tickets), loop.time()
        if verdict.lost or seen.waiting:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = now
        elif now - quiet_since >= quiet_s:
            return verdict
        if now > deadline and quiet_since is None:
            verdict.lost += [f"still on their way: {seen.waiting} records"] if seen.waiting else []
            return verdict
        await asyncio.sleep(LOOK_S)


def looking(crm: str, simulator: str) -> Callable[[], Awaitable[Look]]:
    """Return how to look; the business system does not misbehave any more from the first time on."""

    async def look() -> Look:
        waiting = await _waiting(crm)
        return Look(waiting, await _records(crm), await _tickets(simulator))

    return look


def _compare(calls: list[Call], records: list[Record], tickets: Counter[str]) -> Verdict:
    """Each call has one interaction; each record of the local CRM has one ticket, and the other way round."""
    verdict = Verdict(outcomes=2 * len(calls))
    call_of = {call.session_id: f"call {call.number}, session {call.session_id}" for call in calls}
    interactions = Counter(record.session_id for record in records if record.kind == "interaction")
    by_session = {record.session_id: record.record_id for record in records if record.kind == "interaction"}
    actions = Counter((record.session_id, record.kind) for record in records if record.kind != "interaction")
    for call in calls:
        if not interactions[call.session_id]:
            verdict.lost.append(f"local: interaction of {call_of[call.session_id]}")
        elif by_session[call.session_id] not in tickets:
            verdict.lost.append(f"simulator: interaction of {call_of[call.session_id]}")
        wanted = {"appointment_booked": "appointment", "return_requested": "return"}.get(call.disposition)
        if wanted and not actions[call.session_id, wanted]:
            verdict.lost.append(f"local: {wanted} of {call_of[call.session_id]}")

    def named(session_id: str) -> str:
        return call_of.get(session_id, f"session {session_id}, which nobody placed")

    of_record = {one.record_id: f"{one.kind} {one.record_id} of {named(one.session_id)}" for one in records}
    missing = sorted(of_record.keys() - set(tickets) - {by_session.get(call.session_id, "") for call in calls})
    verdict.lost += [f"simulator: {of_record[record_id]}" for record_id in missing]
    verdict.lost += [f"local: the record of ticket {record_id}" for record_id in sorted(set(tickets) - set(of_record))]
    twice = [session_id for session_id, count in interactions.items() if count > 1]
    verdict.duplicated += [f"local: interaction of {named(session_id)}" for session_id in twice]
    verdict.duplicated += [f"local: {key[1]} of {named(key[0])}" for key, count in actions.items() if count > 1]
    ticketed = [record_id for record_id, count in tickets.items() if count > 1]
    verdict.duplicated += [f"simulator: {of_record.get(one, f'record {one}')}" for one in ticketed]
    return verdict


async def _waiting(address: str) -> int:
    """Return how many records are on their way to business systems."""
    async with grpc.aio.insecure_channel(address) as channel:
        request = GetWriteBackStatusRequest(context=_context())
        status = await WriteBackServiceStub(channel).GetWriteBackStatus(request, timeout=_ANSWER_S, wait_for_ready=True)
        return sum(vendor.waiting for vendor in status.vendors)


async def _records(address: str) -> list[Record]:
    found: list[Record] = []
    context = _context()
    async with grpc.aio.insecure_channel(address) as channel:
        stub, token = CrmServiceStub(channel), ""
        while True:
            request = pb.ListRecordsRequest(context=context, page_size=_PAGE, page_token=token)
            page = await stub.ListRecords(request, timeout=_ANSWER_S, wait_for_ready=True)
            found += page.records
            token = page.next_page_token
            if not token:
                return found


def _context() -> RequestContext:
    return RequestContext(tenant_id=TENANT, region="local", correlation_id="chaos", language="en-US")


async def _tickets(address: str) -> Counter[str]:
    async with httpx.AsyncClient(base_url=address) as client:
        (await client.put("/simulator/faults", json={})).raise_for_status()
        return Counter(item["external_id"] for item in await all_tickets(client))


async def misdeeds(address: str) -> dict[str, int]:
    """Return how often the business system misbehaved, and how."""
    async with httpx.AsyncClient(base_url=address) as client:
        asked = (await client.get("/simulator/counts")).json()["requests"]
    return {name: asked.get(name, 0) for name in get_args(Fault)}


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
