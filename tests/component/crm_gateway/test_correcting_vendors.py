"""Corrections over real HTTP: at the simulated business system, and by webhook."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.simulator import Simulated, simulator
from pydantic import SecretStr

from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.corrections.model import Correction, contact_delivery, record_delivery
from services.crm_gateway.model import (
    Contact,
    CorrectableVendor,
    Customer,
    NewRecord,
    RecordState,
    RejectedError,
    Scope,
)
from services.crm_gateway.vendors import simulator as simulated
from services.crm_gateway.vendors import webhook

SCOPE = Scope("clinic", "local", "corr-1", "en-US", "s1")
RECORD = NewRecord(
    event_id="e1",
    scope=SCOPE,
    customer=Customer(),
    kind="complaint",
    state=RecordState.APPLIED,
    title="late",
    open=True,
    occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    fields={"category": "late"},
)
RIGHT = replace(RECORD, title="damaged", fields={"category": "damaged"})
CORRECTION = Correction("correction.1", "ann", datetime(2026, 11, 20, 10, tzinfo=UTC))
SARAH = Contact("c1", display_name="Sarah", phones=("+15550000001",), emails=("sarah@example.com",))


@pytest.fixture
async def there() -> AsyncIterator[Simulated]:
    async with simulator() as there:
        yield there


@pytest.fixture
async def vendor(there: Simulated) -> AsyncIterator[simulated.Simulator]:
    async with simulated.create(CrmSyncSettings(crm_vendor="simulator", crm_url=there.url)) as vendor:
        assert isinstance(vendor, CorrectableVendor)
        yield vendor


async def test_a_ticket_is_changed_by_its_id_there_or_by_ours(there: Simulated, vendor: simulated.Simulator) -> None:
    ticket = await vendor.write(RECORD, None)
    there.system.edit("tickets", ticket, {"open": False})
    for corrects in (ticket, RECORD.record_id):
        assert await vendor.correct(record_delivery(RIGHT, CORRECTION, corrects), None) == ticket
    (held,) = there.system.tickets
    assert (held["title"], held["fields"], held["open"]) == ("damaged", {"category": "damaged"}, False)
    with pytest.raises(RejectedError, match="404"):
        await vendor.correct(record_delivery(RIGHT, CORRECTION, "T999999"), None)


async def test_of_a_contact_only_what_was_wrong_is_changed(there: Simulated, vendor: simulated.Simulator) -> None:
    wrong = replace(SARAH, display_name="Sara")
    await vendor.write(RECORD, wrong)
    (held,) = there.system.contacts
    there.system.edit("contacts", held["id"], {"phones": ["+15550000009"]})
    for corrects in ("c1", held["id"]):
        right = contact_delivery(SCOPE, SARAH, ("display_name",), CORRECTION, corrects)
        assert await vendor.correct(right, SARAH) == held["id"]
    assert (held["name"], held["phones"]) == ("Sarah", ["+15550000009"])


async def test_a_contact_that_is_not_there_yet_will_be_right(there: Simulated, vendor: simulated.Simulator) -> None:
    right = contact_delivery(SCOPE, SARAH, ("display_name",), CORRECTION, "c1")
    assert await vendor.correct(right, SARAH) == "c1"
    assert there.system.contacts == []
    with pytest.raises(RejectedError, match="not known"):
        await vendor.correct(right, None)


async def test_a_webhook_sends_what_it_corrects() -> None:
    seen: list[tuple[str, dict[str, object]]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request.headers["webhook-id"], json.loads(await request.read())))
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/hook", take)
    key = SecretStr("whsec_" + base64.b64encode(b"key of twenty-four bytes").decode())
    async with TestServer(application) as server:
        settings = CrmSyncSettings(crm_vendor="webhook", crm_url=str(server.make_url("/hook")), crm_secret=key)
        async with webhook.create(settings) as hook:
            assert isinstance(hook, CorrectableVendor)
            of_record = record_delivery(RIGHT, CORRECTION, RECORD.record_id)
            assert await hook.correct(of_record, None) == RECORD.record_id
            await hook.correct(contact_delivery(SCOPE, SARAH, ("display_name",), CORRECTION, "c1"), SARAH)
    (first, record), (_, contact) = seen
    assert first == of_record.record_id != RECORD.record_id, "a message of its own: the receiver takes each id once"
    assert (record["type"], record["corrects"]) == ("record.corrected", RECORD.record_id)
    assert (contact["type"], contact["corrects"]) == ("contact.corrected", "c1")
    assert contact["data"]["contact"]["name"] == "Sarah"  # type: ignore[index]
