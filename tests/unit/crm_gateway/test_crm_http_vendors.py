"""What answers over HTTP mean, and what a webhook sends."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict
from pydantic import SecretStr

from mesh.config import ConfigError
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.model import BusyError, Contact, Customer, NewRecord, RecordState, RejectedError, Scope
from services.crm_gateway.vendors import simulator, webhook
from services.crm_gateway.vendors.http import Answer, HttpError, check

KEY = SecretStr("whsec_" + base64.b64encode(b"key of twenty-four bytes").decode())
RECORD = NewRecord(
    event_id="e1",
    scope=Scope("clinic", "local", "corr-1", "en-US", "s1"),
    customer=Customer(),
    kind="complaint",
    state=RecordState.APPLIED,
    title="late",
    open=True,
    occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    fields={"category": "late"},
)


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CIMultiDict(named), b"because")


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_wrong_request_is_refused_for_good(status: int) -> None:
    with pytest.raises(RejectedError, match=f"{status}: because"):
        check(answer(status))


@pytest.mark.parametrize("status", [401, 403, 408, 500, 502, 503, 504])
def test_other_failures_are_tried_again(status: int) -> None:
    with pytest.raises(HttpError, match=str(status)):
        check(answer(status))


@pytest.mark.parametrize(
    ("status", "header", "seconds"), [(429, "7", 7), (429, "soon", 1), (429, "-3", 0), (503, "2.5", 2.5)]
)
def test_who_asks_to_wait_says_how_long(status: int, header: str, seconds: float) -> None:
    with pytest.raises(BusyError) as busy:
        check(answer(status, retry_after=header))
    assert busy.value.retry_after_s == seconds


def test_a_wait_may_be_a_date() -> None:
    with pytest.raises(BusyError) as busy:
        check(answer(429, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)))
    assert 60 < busy.value.retry_after_s <= 90


async def test_a_webhook_is_signed_and_names_its_record() -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/hook", take)
    async with TestServer(application) as server:
        settings = CrmSyncSettings(crm_vendor="webhook", crm_url=str(server.make_url("/hook")), crm_secret=KEY)
        async with webhook.create(settings) as hook:
            record_id = await hook.write(RECORD, Contact("c1", display_name="Søren"))
            assert await hook.find(RECORD) is None
    headers, content = seen[0]
    assert record_id == headers["webhook-id"] == RECORD.record_id
    signed = f"{record_id}.{headers['webhook-timestamp']}.".encode() + content
    expected = base64.b64encode(hmac.new(b"key of twenty-four bytes", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    document = json.loads(content)
    assert document["type"] == "record.complaint"
    assert document["data"]["contact"]["name"] == "Søren"
    assert document["data"]["fields"] == {"category": "late"}


@pytest.mark.parametrize("create", [simulator.create, webhook.create])
async def test_an_address_is_needed(create: object) -> None:
    settings = CrmSyncSettings(crm_vendor="any")
    with pytest.raises(ConfigError, match="VOICEMESH_CRM_URL"):
        async with create(settings):  # type: ignore[operator]
            pass


async def test_a_webhooks_secret_is_base64() -> None:
    settings = CrmSyncSettings(crm_vendor="webhook", crm_url="http://there", crm_secret=SecretStr("not base64!"))
    with pytest.raises(ConfigError, match="openssl rand"):
        async with webhook.create(settings):
            pass
