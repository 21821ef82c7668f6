"""Contacts through the real server, on SQLite and PostgreSQL."""

import asyncio

import grpc
import pytest
from fakes.crm_world import a_request
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_pb2 import CallerContext, Contact, ContactKey
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from mesh.errors import from_rpc_error, name_of

SARAH = Contact(customer_id="c-1", display_name="Sarah Miller", phones=["+15550000001", "+15550000002"])


async def upsert(stub: CrmServiceStub, contact: Contact, tenant_id: str = "clinic") -> pb.UpsertContactResponse:
    return await stub.UpsertContact(pb.UpsertContactRequest(context=a_request(tenant_id), contact=contact))


async def lookup(stub: CrmServiceStub, tenant_id: str = "clinic", **key: str) -> CallerContext:
    request = pb.LookupContactRequest(context=a_request(tenant_id), contact=ContactKey(**key))
    return (await stub.LookupContact(request)).caller_context


def reason(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    told = from_rpc_error(error)
    return name_of(told.reason), told.metadata


async def test_a_new_contact_is_found_by_each_of_its_names(stub: CrmServiceStub) -> None:
    made = await upsert(stub, SARAH)
    assert made.created
    assert made.contact.version == 1
    assert (made.contact.language, made.contact.region) == ("en-US", "local")
    for key in (
        {"contact_id": made.contact.contact_id},
        {"customer_id": "c-1"},
        {"phone": "+15550000001"},
        {"phone": "+15550000002"},
    ):
        found = await lookup(stub, **key)
        assert found.contact == made.contact
        assert not found.stale


async def test_a_change_is_seen_at_once_and_leaves_what_it_does_not_name(stub: CrmServiceStub) -> None:
    made = (await upsert(stub, SARAH)).contact
    await lookup(stub, phone="+15550000001")
    changed = await upsert(stub, Contact(customer_id="c-1", emails=["sarah@example.com"]))
    assert (changed.created, changed.contact.version) == (False, 2)
    found = (await lookup(stub, phone="+15550000001")).contact
    assert found == changed.contact
    assert (found.contact_id, found.display_name, list(found.phones)) == (
        made.contact_id,
        "Sarah Miller",
        list(SARAH.phones),
    )
    replaced = await upsert(stub, Contact(contact_id=made.contact_id, phones=["+15550000009"]))
    assert list(replaced.contact.phones) == ["+15550000009"]


async def test_an_old_version_changes_nothing(stub: CrmServiceStub) -> None:
    made = (await upsert(stub, SARAH)).contact
    await upsert(stub, Contact(contact_id=made.contact_id, version=1, display_name="Sarah Jones"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upsert(stub, Contact(contact_id=made.contact_id, version=1, display_name="Sarah Old"))
    assert reason(caught.value) == ("ALREADY_EXISTS", {"kind": "contact", "name": made.contact_id})
    assert "at 2, not 1" in (caught.value.details() or "")
    assert (await lookup(stub, customer_id="c-1")).contact.display_name == "Sarah Jones"


async def test_of_changes_at_once_from_one_version_one_wins(stub: CrmServiceStub) -> None:
    made = (await upsert(stub, SARAH)).contact
    names = [f"Name {n}" for n in range(6)]
    changes = [Contact(contact_id=made.contact_id, version=1, display_name=name) for name in names]
    answers = await asyncio.gather(*(upsert(stub, change) for change in changes), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, pb.UpsertContactResponse)]
    lost = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert (len(won), len(lost)) == (1, 5)
    assert {reason(error)[0] for error in lost} == {"ALREADY_EXISTS"}


async def test_a_new_customer_made_at_once_is_one_contact(stub: CrmServiceStub) -> None:
    answers = await asyncio.gather(*(upsert(stub, Contact(phones=["+15550000001"])) for _ in range(6)))
    assert len({answer.contact.contact_id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1


async def test_customers_who_share_a_number_stay_two(stub: CrmServiceStub) -> None:
    first = await upsert(stub, Contact(customer_id="c-1", phones=["+15550000001"]))
    second = await upsert(stub, Contact(customer_id="c-2", phones=["+15550000001"]))
    assert second.created
    assert (await lookup(stub, phone="+15550000001")).contact == first.contact


async def test_a_customer_id_is_one_contacts_only(stub: CrmServiceStub) -> None:
    await upsert(stub, Contact(customer_id="c-1"))
    second = (await upsert(stub, Contact(customer_id="c-2"))).contact
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upsert(stub, Contact(contact_id=second.contact_id, customer_id="c-1"))
    assert reason(caught.value)[0] == "ALREADY_EXISTS"


async def test_an_address_longer_than_one_may_be_is_refused(stub: CrmServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await upsert(stub, Contact(customer_id="c-1", emails=["sarah@example.com", f"{'s' * 400}@example.com"]))
    assert reason(refusal.value) == ("INVALID_REQUEST", {"field": "contact.emails[1]", "rule": "max_size"})


async def test_nobody_is_not_found(stub: CrmServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lookup(stub, phone="+15550000001")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason(caught.value) == ("NOT_FOUND", {"kind": "phone", "name": ""})
    assert "5550000001" not in (caught.value.details() or ""), "the number is personal data"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upsert(stub, Contact(contact_id="nobody"))
    assert reason(caught.value) == ("NOT_FOUND", {"kind": "contact_id", "name": "nobody"})


async def test_a_tenant_never_sees_anothers_contact(stub: CrmServiceStub) -> None:
    made = (await upsert(stub, SARAH, "clinic")).contact
    await lookup(stub, "clinic", phone="+15550000001")
    for key in ({"contact_id": made.contact_id}, {"customer_id": "c-1"}, {"phone": "+15550000001"}):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await lookup(stub, "shop", **key)
        assert reason(caught.value)[0] == "NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError):
        await upsert(stub, Contact(contact_id=made.contact_id, display_name="Taken"), "shop")
    own = await upsert(stub, Contact(customer_id="c-1", display_name="Other Sarah"), "shop")
    assert own.created
    assert (await lookup(stub, "clinic", customer_id="c-1")).contact == made
