"""Conflicts are seen and decided by RPC and by command; what is decided reaches who has it wrong."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
import typer
from fakes.crm_world import a_request, settings
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner
from voicemesh.crm.v1 import conflicts_pb2 as conflicts
from voicemesh.crm.v1 import conflicts_service_pb2 as pb
from voicemesh.crm.v1 import crm_service_pb2
from voicemesh.crm.v1.conflicts_service_pb2_grpc import ConflictServiceStub
from voicemesh.crm.v1.crm_pb2 import Contact, ContactKey
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from mesh.database import database, transaction
from mesh.errors import from_rpc_error, name_of
from mesh.outbox import Outbox
from mesh.testing import serve
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.deliveries import Deliveries
from services.crm_gateway.adapters.statements import Statements
from services.crm_gateway.app import build
from services.crm_gateway.conflicts.model import Statement, Value
from services.crm_gateway.conflicts.rules import load_rules
from services.crm_gateway.conflicts.store import ConflictStore
from services.crm_gateway.deliveries import Allowance
from services.crm_gateway.model import Contact as Known
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from voicemesh_cli.commands import crm

SCOPE = Scope("clinic", "local", "corr-1", "en-US")
START = datetime(2026, 11, 1, tzinfo=UTC)

ANN = (("voicemesh-principal", "ann"), ("voicemesh-purpose", "asked her"))


@dataclass
class Here:
    """The hot path, and the database behind it."""

    stub: ConflictServiceStub
    crm: CrmServiceStub
    engine: AsyncEngine
    address: str

    async def take(self, contact: Known, *said: Statement) -> Known:
        async with transaction(self.engine) as connection:
            taken = Statements(load_rules(None), Outbox(self.engine, tables.outbox))
            return await taken.take(connection, SCOPE, contact, said)

    async def listed(self, tenant_id: str = "clinic", **wanted: Any) -> pb.ListConflictsResponse:
        return await self.stub.ListConflicts(pb.ListConflictsRequest(context=a_request(tenant_id), **wanted))

    async def announced(self, name: str) -> int:
        statement = sa.select(sa.func.count()).where(tables.outbox.c.type == f"voicemesh.events.v1.{name}")
        async with self.engine.connect() as connection:
            return int((await connection.execute(statement)).scalar_one())


@pytest.fixture
async def here(tmp_path: Path, database_url: str) -> AsyncIterator[Here]:
    async with (
        serve(build, settings(tmp_path, database_url=database_url), service="crm") as crm,
        grpc.aio.insecure_channel(crm.address) as channel,
        database(database_url) as engine,
    ):
        yield Here(ConflictServiceStub(channel), CrmServiceStub(channel), engine, crm.address)


def said(field: str, source: str, value: Value, at: int, confidence: float | None = None) -> Statement:
    return Statement(field, source, value, START + timedelta(hours=at), f"{source}-{at}", confidence)


async def a_contact(here: Here, **values: Any) -> Known:
    request = crm_service_pb2.UpsertContactRequest(context=a_request(), contact=Contact(**values))
    return Known((await here.crm.UpsertContact(request)).contact.contact_id)


async def undecided(here: Here) -> Known:
    """A contact over whose name a doubtful word waits for a person."""
    contact = await a_contact(here, phones=["+15550000001"], display_name="Sarah")
    await here.take(contact, said("display_name", "hubspot", "Sara", 1, 0.3))
    return contact


def resolving(conflict: conflicts.Conflict, tenant_id: str = "clinic", **decision: Any) -> pb.ResolveConflictRequest:
    return pb.ResolveConflictRequest(
        context=a_request(tenant_id),
        conflict_id=conflict.conflict_id,
        version=conflict.version,
        reason="asked her",
        **decision,
    )


def value(*values: str) -> pb.DecidedValue:
    return pb.DecidedValue(values=values)


async def refused(call: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    return name_of(error.reason), dict(error.metadata)


async def test_a_person_decides_and_the_contact_follows(here: Here) -> None:
    contact = await undecided(here)
    (waiting,) = (await here.listed(state=conflicts.CONFLICT_STATE_WAITING)).conflicts
    assert (waiting.contact_id, waiting.field, waiting.version) == (contact.contact_id, "display_name", 1)
    assert (waiting.kept.source, list(waiting.kept.values)) == ("console", ["Sarah"])
    (other,) = waiting.overruled
    assert (other.statement.source, list(other.statement.values), other.because) == ("hubspot", ["Sara"], "doubtful")
    store = ConflictStore(here.engine, Outbox(here.engine, tables.outbox), load_rules(None))
    count, since = await store.waiting()
    assert (count, since and since.tzinfo) == (1, UTC)
    resolved = await here.stub.ResolveConflict(resolving(waiting, source="hubspot"), metadata=ANN)
    assert await store.waiting() == (0, None)
    assert resolved.contact.display_name == "Sara"
    assert resolved.conflict.state == conflicts.CONFLICT_STATE_RESOLVED
    assert (resolved.conflict.resolved_by, resolved.conflict.reason, resolved.conflict.version) == (
        "ann",
        "asked her",
        2,
    )
    shown = await here.stub.GetConflict(pb.GetConflictRequest(context=a_request(), conflict_id=waiting.conflict_id))
    assert shown.conflict == resolved.conflict
    lookup = crm_service_pb2.LookupContactRequest(context=a_request(), contact=ContactKey(phone="+15550000001"))
    assert (await here.crm.LookupContact(lookup)).caller_context.contact.display_name == "Sara"
    assert not (await here.listed(state=conflicts.CONFLICT_STATE_WAITING)).conflicts
    assert await here.announced("ConflictResolved") == 1
    later = await here.take(contact, said("display_name", "hubspot", "S.", 9, 0.2))
    assert later.display_name == "Sara", "what was said before the decision is not asked about again"
    assert not (await here.listed(state=conflicts.CONFLICT_STATE_WAITING)).conflicts


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_decided_is_refused_with_its_reason(here: Here) -> None:
    contact = await undecided(here)
    (waiting,) = (await here.listed()).conflicts
    resolve = functools.partial(here.stub.ResolveConflict, metadata=ANN)
    assert await refused(resolve(resolving(waiting, "shop", source="hubspot"))) == (
        "NOT_FOUND",
        {"kind": "conflict", "name": waiting.conflict_id},
    )
    assert (await refused(resolve(resolving(waiting, source="nobody"))))[1]["field"] == "source"
    assert (await refused(resolve(resolving(waiting, value=value("x" * 300)))))[1]["field"] == "value.display_name"
    assert (await refused(resolve(resolving(waiting, value=value("a", "b")))))[1]["field"] == "value"
    await here.take(contact, said("display_name", "salesforce", "Zara", 2, 0.3))
    assert (await refused(resolve(resolving(waiting, source="hubspot"))))[0] == "VERSION_CONFLICT"
    (waiting,) = (await here.listed()).conflicts
    await resolve(resolving(waiting, value=value("Sarah Miller")))
    assert (await refused(resolve(resolving(waiting, source="hubspot"))))[0] == "WRONG_STATE"


async def test_one_of_two_who_decide_at_once_wins(here: Here) -> None:
    await undecided(here)
    (waiting,) = (await here.listed()).conflicts
    calls = (here.stub.ResolveConflict(resolving(waiting, source=one), metadata=ANN) for one in ("hubspot", "console"))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, grpc.aio.AioRpcError) for answer in answers) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_customer_id_that_is_anothers_is_not_given_away(here: Here) -> None:
    await a_contact(here, customer_id="c-1")
    contact = await a_contact(here, phones=["+15550000002"])
    await here.take(contact, said("customer_id", "hubspot", "c-1", 1))
    (waiting,) = (await here.listed()).conflicts
    assert (await refused(here.stub.ResolveConflict(resolving(waiting, source="hubspot"), metadata=ANN)))[
        0
    ] == "INVALID_REQUEST"
    resolved = await here.stub.ResolveConflict(resolving(waiting, value=value("c-2")), metadata=ANN)
    assert resolved.contact.customer_id == "c-2"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("year", [2100, 9999])
async def test_a_clock_that_is_ahead_does_not_outvote_a_person(here: Here, year: int) -> None:
    contact = await a_contact(here, phones=["+15550000001"])
    last = datetime.max.replace(year=year, tzinfo=UTC)
    theirs = Statement("language", "hubspot", "es", last, "ahead")
    assert (await here.take(contact, theirs)).language == "es"
    given = Contact(contact_id=contact.contact_id, language="fr")
    request = crm_service_pb2.UpsertContactRequest(context=a_request(), contact=given)
    assert (await here.crm.UpsertContact(request)).contact.language == "fr"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_pages_and_tenants(here: Here) -> None:
    for number in range(3):
        contact = await a_contact(here, phones=[f"+1555000000{number}"], display_name="Sarah")
        await here.take(contact, said("display_name", "hubspot", "Sara", 1))
    first = await here.listed(page_size=2, state=conflicts.CONFLICT_STATE_SETTLED)
    second = await here.listed(page_size=2, page_token=first.next_page_token)
    ids = [conflict.contact_id for conflict in (*first.conflicts, *second.conflicts)]
    assert (len(ids), len(set(ids)), second.next_page_token) == (3, 3, "")
    assert [conflict.contact_id for conflict in (await here.listed(contact_id=ids[0])).conflicts] == ids[:1]
    assert not (await here.listed(field="phones")).conflicts
    assert not (await here.listed("shop")).conflicts
    assert (await refused(here.listed(page_token="mine")))[1]["field"] == "page_token"


async def test_who_has_it_wrong_is_told_though_the_contact_was_right(here: Here) -> None:
    contact = await undecided(here)
    outbox = Outbox(here.engine, tables.outbox)
    queue = Deliveries(outbox, "hubspot", Allowance(1000, 1000))
    record = NewRecord("e1", SCOPE, Customer(), "interaction", RecordState.APPLIED, "a call", False, START)
    async with transaction(here.engine) as connection:
        await queue.add(connection, record, contact, {})
    (waiting,) = (await here.listed()).conflicts
    await here.stub.ResolveConflict(resolving(waiting, source="console"), metadata=ANN)
    statement = sa.select(tables.deliveries).where(tables.deliveries.c.kind == "contact")
    async with here.engine.connect() as connection:
        (row,) = (await connection.execute(statement)).all()
    assert (row.vendor, row.record["fields"]) == ("hubspot", {"display_name": "Sarah"})
    assert row.record["corrects"] == contact.contact_id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_command_shows_and_decides(here: Here) -> None:
    app = typer.Typer()
    crm.register(app)

    async def run(*arguments: str) -> dict[str, Any]:
        options = ("--json", "--target", here.address, "--tenant", "clinic")
        result = await asyncio.to_thread(CliRunner().invoke, app, ["crm", "conflicts", *arguments, *options])
        document: dict[str, Any] = json.loads(result.stdout)
        return document | {"exit_code": result.exit_code}

    contact = await undecided(here)
    (listed,) = (await run("list"))["conflicts"]
    assert (listed["state"], listed["contact_id"]) == ("waiting", contact.contact_id)
    name = listed["conflict_id"]
    assert (await run("resolve", name, "--reason", "asked her"))["exit_code"] == 2
    done = await run("resolve", name, "--keep", "hubspot", "--reason", "asked her", "--by", "ann")
    assert (done["exit_code"], done["state"], done["resolved_by"]) == (0, "resolved", "ann")
    assert (await run("show", name))["overruled"][0]["because"] == "doubtful"
    assert (await run("show", "none"))["exit_code"] == 1
