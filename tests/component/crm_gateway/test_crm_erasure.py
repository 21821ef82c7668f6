"""A contact is forgotten by the gateway: not a value of theirs is left in any table, and nobody else is touched."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from fakes.background import eventually
from fakes.crm_world import a_request, settings
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine
from voicemesh.crm.v1 import crm_pb2, crm_service_pb2
from voicemesh.crm.v1 import privacy_service_pb2 as pb
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.crm.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh.database import database
from mesh.errors import from_rpc_error
from mesh.outbox import Outbox
from mesh.testing import serve
from services.crm_gateway.adapters import conflict_tables, review_tables, sync_tables, tables
from services.crm_gateway.adapters.erasures import ErasureStore
from services.crm_gateway.adapters.privacy_tables import erasures
from services.crm_gateway.app import build
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.privacy.model import Subject

NOW = datetime.now(UTC)
WHO = (("voicemesh-principal", "ana"), ("voicemesh-purpose", "asked%20by%20letter"))
SCOPE = {"tenant_id": "clinic", "region": "local", "correlation_id": "call-1", "language": "en-US"}
SECRETS = ("Zanzibar", "+15557770123", "zoe@example.com", "cust-zoe")
"""Of the contact: a name that is in all that is said of them, number, address, the business's id."""
_records = TypeAdapter(NewRecord)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with database(database_url) as opened:
        yield opened


async def insert(engine: AsyncEngine, table: sa.Table, **values: Any) -> None:
    """Insert a row; what is not given is filled in by its type."""
    blank = {sa.String: "", sa.Text: "", sa.JSON: {}, sa.Integer: 0, sa.BigInteger: 0, sa.Float: 0.0, sa.Boolean: False}
    row = {}
    for column in table.c:
        if column.nullable or column.autoincrement is True:
            continue
        row[column.name] = next((value for kind, value in blank.items() if isinstance(column.type, kind)), NOW)
    row.pop("sequence", None)
    async with engine.begin() as connection:
        await connection.execute(sa.insert(table).values(**(row | values)))


async def fill(engine: AsyncEngine, contact_id: str, name: str, number: str) -> None:
    """Put something of a contact into every table."""
    tag = name[:2]
    of = {**SCOPE, "contact_id": contact_id, "correlation_id": f"call-{tag}"}
    told = {"title": f"{name} called", "fields": {"who": name}}
    record = NewRecord(
        f"event-{tag}",
        Scope(**SCOPE),
        Customer(contact_id, phone=number, name=name),
        "appointment",
        RecordState.APPLIED,
        f"{name} called",
        open=True,
        occurred_at=NOW,
        fields={"who": name},
    )
    document = _records.dump_python(record, mode="json")
    await insert(engine, tables.records, **of, **told, record_id=tag, event_id=tag, state="applied", is_open=True)
    for vendor, state in (("crm1", "written"), ("crm2", "waiting"), ("crm3", "dead"), ("crm4", "draft")):
        begun = {"begun_at": NOW, "vendor_record_id": f"v-{tag}"} if state == "written" else {}
        await insert(
            engine,
            tables.deliveries,
            **of,
            **begun,
            vendor=vendor,
            state=state,
            record=document,
            event_id=tag,
            last_error=f"refused {name}",
            order_key=contact_id,
        )
    await insert(
        engine,
        review_tables.drafts,
        **of,
        sequence=hash(name) % 10**6,
        vendor="crm4",
        state="draft",
        record=document,
        event_id=tag,
        transcript_reference=name,
    )
    await insert(
        engine, review_tables.draft_steps, **SCOPE, draft=hash(name) % 10**6, changes=[{"new": name}], note=name
    )
    await insert(engine, sync_tables.links, **of, vendor="crm1", vendor_contact_id=f"v-{tag}")
    await insert(
        engine,
        sync_tables.items,
        **SCOPE,
        vendor="crm1",
        kind="deal",
        item_id=tag,
        title=name,
        vendor_contact_id=f"v-{tag}",
    )
    for state, channel in (("granted", "sms"), ("suppressed", "voice")):
        await insert(
            engine,
            sync_tables.consents,
            **SCOPE,
            key_kind="contact_id",
            key_value=contact_id,
            channel=channel,
            state=state,
        )
    await insert(engine, conflict_tables.statements, **of, value=name)
    await insert(engine, conflict_tables.sightings, **of, value=name)
    await insert(engine, conflict_tables.conflicts, **of, conflict_id=tag, kept={"value": name})
    await insert(engine, conflict_tables.corrections, **of, correction_id=tag, fields={"x": name})
    await insert(
        engine,
        tables.outbox,
        tenant_id="clinic",
        correlation_id=f"call-{tag}",
        event_id=f"o-{tag}",
        payload=name.encode(),
        published_at=NOW,
        headers="{}",
    )


async def everything(engine: AsyncEngine) -> dict[str, str]:
    """All tables as text."""
    async with engine.connect() as connection:
        return {
            table.name: json.dumps([list(map(str, row)) for row in (await connection.execute(sa.select(table))).all()])
            for table in tables.metadata.sorted_tables
        }


@pytest.fixture
async def world(tmp_path: Any, database_url: str, engine: AsyncEngine) -> AsyncIterator[tuple[Any, Any, str]]:
    async with (
        serve(build, settings(tmp_path, database_url=database_url), service="crm") as crm,
        grpc.aio.insecure_channel(crm.address) as channel,
    ):
        stub = CrmServiceStub(channel)
        made = []
        for customer, name, number, mail in (
            (SECRETS[3], SECRETS[0], SECRETS[1], SECRETS[2]),
            ("cust-bob", "Bobby", "+15558880123", "bob@example.com"),
        ):
            contact = crm_pb2.Contact(customer_id=customer, display_name=name, phones=[number], emails=[mail])
            request = crm_service_pb2.UpsertContactRequest(context=a_request(), contact=contact)
            made.append((await stub.UpsertContact(request)).contact.contact_id)
            await fill(engine, made[-1], name, number)
        yield stub, PrivacyServiceStub(channel), made[0]


async def published(engine: AsyncEngine) -> None:
    """Let all events that wait be published, as the broker would."""
    async with engine.begin() as connection:
        await connection.execute(tables.outbox.update().values(published_at=NOW))


async def test_not_a_value_of_the_contact_is_left(world: Any, engine: AsyncEngine):
    _, privacy, contact_id = world
    before = await everything(engine)
    assert all(any(secret in text for text in before.values()) for secret in SECRETS)
    store = ErasureStore(engine, Outbox(engine, tables.outbox))
    for name in (*SECRETS[1:], contact_id):
        subject = await store.subject("clinic", name)
        assert subject == Subject((contact_id,), (SECRETS[3],), (SECRETS[1],)), name
    request = pb.EraseContactRequest(context=a_request(), contact=SECRETS[1])
    asked = (await privacy.EraseContact(request, metadata=WHO)).erasure
    assert {service.service for service in asked.services} == {"crm", "dialogue", "consent"}

    counts: dict[str, int] = {}

    async def own() -> bool:
        wanted = pb.GetErasureRequest(context=a_request(), erasure_id=asked.erasure_id)
        found = (await privacy.GetErasure(wanted, metadata=WHO)).erasure
        done = [service for service in found.services if service.service == "crm" and service.HasField("completed_at")]
        counts.update(done[0].counts if done else {})
        return bool(done)

    await eventually(own)
    left = await everything(engine)
    for table, text in left.items():
        if table not in {"crm_outbox", "crm_erasures"}:  # until it is published, and all services are done
            assert not [secret for secret in SECRETS if secret in text], table
    assert "Bobby" in left["crm_deliveries"]
    assert "Bobby" in left["crm_contacts"]
    assert counts["records"] == counts["drafts"] == counts["vendor_links"] == counts["contacts"] == 1
    assert (counts["deliveries"], counts["consents"], counts["kept_at_crm1"]) == (4, 1, 1)
    states = await rows(engine, tables.deliveries)
    mine = {row["vendor"]: row["state"] for row in states if row["contact_id"] == contact_id}
    dropped = dict.fromkeys(("crm2", "crm3", "crm4"), DeliveryState.DROPPED)
    assert mine == {"crm1": DeliveryState.WRITTEN, **dropped}
    assert [row["state"] for row in await rows(engine, sync_tables.consents) if row["key_value"] == contact_id] == [
        "suppressed"
    ]
    for row in states:
        _records.validate_python(row["record"])


async def rows(engine: AsyncEngine, table: sa.Table) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]


async def test_it_is_over_once_all_services_are_done_and_then_says_nothing_of_whom(world: Any, engine: AsyncEngine):
    _, privacy, contact_id = world
    asked = (
        await privacy.EraseContact(pb.EraseContactRequest(context=a_request(), contact=contact_id), metadata=WHO)
    ).erasure
    await published(engine)
    store = ErasureStore(engine, Outbox(engine, tables.outbox))
    assert await store.oldest_open() == (await store.find("clinic", asked.erasure_id)).requested_at
    for service in ("dialogue", "dialogue", "consent"):
        context = EventContext(event_id=f"x.{service}", **SCOPE)
        context.occurred_at.GetCurrentTime()
        await store.completed(ErasureCompleted(context=context, erasure_id=asked.erasure_id, service=service))

    async def over() -> bool:
        request = pb.GetErasureRequest(context=a_request(), erasure_id=asked.erasure_id)
        return (await privacy.GetErasure(request, metadata=WHO)).erasure.HasField("completed_at")

    await eventually(over)
    assert await store.oldest_open() is None
    found = await store.find("clinic", asked.erasure_id)
    assert found is not None
    assert (found.principal, found.purpose) == ("ana", "asked by letter")
    assert [row["subject"] for row in await rows(engine, erasures)] == [None]
    assert asked.erasure_id not in {row["event_id"] for row in await rows(engine, tables.outbox)}


async def test_two_processes_forget_once(world: Any, engine: AsyncEngine):
    _, _, contact_id = world
    outbox = Outbox(engine, tables.outbox)
    first, second = ErasureStore(engine, outbox), ErasureStore(engine, outbox)
    await first.request(Scope(**SCOPE), "e-1", Subject((contact_id,)), "ana", "letter")
    [row] = await rows(engine, erasures)
    await first._erase(row)
    await second._erase(row)
    told = [row for row in await rows(engine, tables.outbox) if row["type"].endswith("ErasureCompleted")]
    assert [ErasureCompleted.FromString(row["payload"]).counts["contacts"] for row in told] == [1]


async def test_a_dry_run_and_a_refusal_change_nothing_and_whom_nobody_knows_is_passed_on(
    world: Any, engine: AsyncEngine
):
    _, privacy, contact_id = world
    before = await everything(engine)
    request = pb.EraseContactRequest(context=a_request(), contact=SECRETS[1], dry_run=True)
    erasure = (await privacy.EraseContact(request, metadata=WHO)).erasure
    assert erasure.erasure_id == ""
    assert dict(erasure.services[0].counts) | {"contacts": 1, "deliveries": 4} == dict(erasure.services[0].counts)
    request = pb.EraseContactRequest(context=a_request(), contact=contact_id)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await privacy.EraseContact(request)
    assert str(from_rpc_error(error.value)).startswith("UNAUTHENTICATED")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await privacy.GetErasure(pb.GetErasureRequest(context=a_request(), erasure_id="nobody's"), metadata=WHO)
    assert str(from_rpc_error(error.value)).startswith("NOT_FOUND")
    assert await everything(engine) == before
    await privacy.EraseContact(pb.EraseContactRequest(context=a_request(), contact="+15550009999"), metadata=WHO)
    told = [row for row in await rows(engine, tables.outbox) if row["type"].endswith("ErasureRequested")]
    assert list(ErasureRequested.FromString(told[0]["payload"]).phones) == ["+15550009999"]


async def test_numbers_and_addresses_are_found_however_they_are_written(world: Any, engine: AsyncEngine):
    store = ErasureStore(engine, Outbox(engine, tables.outbox))
    for name in (f"{SECRETS[1][:2]} ({SECRETS[1][2:5]}) {SECRETS[1][5:8]}-{SECRETS[1][8:]}", SECRETS[2].upper()):
        assert (await store.subject("clinic", name)).contact_ids == (world[2],), name


async def test_whom_a_name_does_not_tell_is_not_forgotten(world: Any, engine: AsyncEngine):
    crm, privacy, contact_id = world
    shared = crm_pb2.Contact(customer_id="cust-twin", display_name="Twin", phones=["+15557770123"], emails=[SECRETS[2]])
    twin = (await crm.UpsertContact(crm_service_pb2.UpsertContactRequest(context=a_request(), contact=shared))).contact
    for name, why in (
        (SECRETS[2], "2 contacts"),
        ("nobody@example.com", "no contact has the address"),
        ("555-012-3456", "country's code"),
        ("Sarah Miller", "names nobody"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await privacy.EraseContact(pb.EraseContactRequest(context=a_request(), contact=name), metadata=WHO)
        told = str(from_rpc_error(error.value))
        assert told.startswith("INVALID_REQUEST"), told
        assert why in told
        if name == SECRETS[2]:
            assert contact_id in told
            assert twin.contact_id in told
    assert await rows(engine, erasures) == []


def test_every_table_that_names_a_contact_is_known_to_erasure():
    """A table that is new here must be erased too: add it to `adapters/erasing.py`, to `fill` above, and then here."""
    named = {table.name for table in tables.metadata.sorted_tables if "contact_id" in table.c}
    assert named == {
        *("crm_contacts", "crm_contact_phones", "crm_contact_emails", "crm_records", "crm_deliveries", "crm_drafts"),
        *("crm_vendor_contacts", "crm_statements", "crm_sightings", "crm_conflicts", "crm_corrections"),
    }
