"""The door for webhooks without a database: its senders' own signatures, and a store that does not answer."""

import hmac
from collections.abc import Mapping, Sequence

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from services.crm_gateway.standard_webhooks import SignatureError
from services.crm_gateway.sync_in.model import Page, VendorChange
from services.crm_gateway.sync_in.webhooks import Sender, application


class Acme:
    """A business system that signs in its own way: the key itself, in a header."""

    name = "acme"

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[VendorChange]:
        return []

    async def changes(self, cursor: str) -> Page:
        raise AssertionError("nobody asks for changes")

    def verify(self, keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> str:
        if not any(hmac.compare_digest(headers.get("x-acme-key", "").encode(), key) for key in keys):
            raise SignatureError("no key fits")
        return headers["x-acme-id"]


class Intake:
    """Notes what it is given, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[str] = []

    async def take_webhook(self, webhook_id: str, changes: Sequence[VendorChange]) -> bool:
        if self.error is not None:
            raise self.error
        self.taken.append(webhook_id)
        return True


async def post(intake: Intake, key: str, webhook_id: str = "7") -> httpx.Response:
    door = httpx.ASGITransport(application([Sender(Acme(), intake, [b"old", b"new"])]))
    async with httpx.AsyncClient(transport=door, base_url="http://door") as client:
        headers = {"x-acme-key": key, "x-acme-id": webhook_id}
        return await client.post("/webhooks/acme", json={}, headers=headers)


@pytest.mark.parametrize(("key", "status", "taken"), [("new", 200, ["7"]), ("old", 200, ["7"]), ("other", 401, [])])
async def test_a_system_may_sign_in_its_own_way(key: str, status: int, taken: list[str]) -> None:
    intake = Intake()
    assert (await post(intake, key)).status_code == status
    assert intake.taken == taken


@pytest.mark.parametrize("webhook_id", ["", "7" * 257])
async def test_an_id_that_cannot_be_kept_is_refused(webhook_id: str) -> None:
    intake = Intake()
    assert (await post(intake, "new", webhook_id)).status_code == 400
    assert intake.taken == []


async def test_what_could_not_be_written_down_is_to_be_sent_again() -> None:
    answer = await post(Intake(OperationalError("", {}, Exception("locked"))), "new")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json() == {"error": "it could not be written down; send it again"}
