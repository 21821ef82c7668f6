"""Which contact there a record is written to, as far as the simulator's adapter remembers it."""

import json
from datetime import UTC, datetime
from typing import Any, cast

from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.vendors.http import Answer, Asking
from services.crm_gateway.vendors.simulator import Simulator


class There:
    """A business system with one contact at most, whose id changes when it is made anew."""

    def __init__(self) -> None:
        self.contact = ""
        self.made = 0
        self.searches = 0
        self.written_to: list[str] = []

    async def ask(self, method: str, url: str, **content: Any) -> Answer:
        return Answer(200, {}, json.dumps(self._answer(method, url, content.get("json", {}))).encode())

    def _answer(self, method: str, url: str, body: dict[str, Any]) -> dict[str, Any]:
        if url == "/oauth/token":
            return {"access_token": "t"}
        if (method, url) == ("GET", "/contacts"):
            self.searches += 1
            return {"items": [{"id": self.contact, "deleted": False}] if self.contact else []}
        if url == "/contacts":
            self.made += 1
            self.contact = f"C{self.made}"
            return {"id": self.contact}
        self.written_to.append(body["contact_id"])
        return {"id": "T1"}


RECORD = NewRecord(
    event_id="e1",
    scope=Scope("clinic", "local", "corr-1", "en-US"),
    customer=Customer(),
    kind="complaint",
    state=RecordState.APPLIED,
    title="late",
    open=False,
    occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
)


async def test_who_was_deleted_there_is_not_written_to_for_long() -> None:
    there, now = There(), [0.0]
    adapter = Simulator(cast("Asking", there), "mesh", "secret", now=lambda: now[0])
    contact = Contact("c1", display_name="Sarah")
    for _ in range(2):
        await adapter.write(RECORD, contact)
    assert there.searches == 1, "remembered"
    there.contact = ""
    now[0] = 61.0
    await adapter.write(RECORD, contact)
    assert there.written_to == ["C1", "C1", "C2"]
