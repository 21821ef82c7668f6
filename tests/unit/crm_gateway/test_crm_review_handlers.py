"""What a console is told of, what is counted, and what a store that is away means."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.exc import OperationalError

from mesh.errors import ErrorReason, MeshError
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.review import metrics
from services.crm_gateway.review.handlers import Review
from services.crm_gateway.review.model import Decision, Draft, DraftNotFoundError, Step, Waiting, Wanted

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def a_draft(number: int, state: RecordState = RecordState.DRAFT, version: int = 1) -> Draft:
    record = NewRecord(
        event_id=f"e{number}",
        scope=Scope("clinic", "eu", "corr-1", "en-US", "s1"),
        customer=Customer(),
        kind="appointment",
        state=state,
        title="x",
        open=True,
        occurred_at=AT,
    )
    return Draft(number, "local", record, version, "", AT, AT + timedelta(days=1), AT)


class Shelf:
    """A review queue in memory."""

    def __init__(self, *drafts: Draft) -> None:
        self.drafts = {draft.sequence: draft for draft in drafts}
        self.looked = asyncio.Event()
        self.away = False

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[list[Draft], str]:
        assert (tenant_id, token) == ("clinic", "")
        self.looked.set()
        self._answer()
        found = [draft for draft in self.drafts.values() if not wanted.states or draft.state in wanted.states]
        return found[:size], ""

    async def get(self, tenant_id: str, sequence: int) -> tuple[Draft, Sequence[Step]]:
        assert tenant_id == "clinic"
        if sequence not in self.drafts:
            raise DraftNotFoundError(sequence)
        return self.drafts[sequence], []

    async def accept(
        self, tenant_id: str, sequence: int, decision: Decision, values: Mapping[str, str] | None = None
    ) -> Draft:
        del values
        draft, _ = await self.get(tenant_id, sequence)
        return replace(draft, decided_at=draft.decided_at or decision.at)

    async def reject(self, tenant_id: str, sequence: int, decision: Decision) -> Draft:
        return await self.accept(tenant_id, sequence, decision)

    async def waiting(self) -> list[Waiting]:
        self._answer()
        return [Waiting("local", "appointment", len(self.drafts), datetime.now(UTC) - timedelta(hours=2))]

    def _answer(self) -> None:
        if self.away:
            raise OperationalError("select", {}, Exception("away"))


async def test_a_watcher_sees_what_waits_what_comes_and_what_becomes_of_it() -> None:
    shelf, ending = Shelf(a_draft(1), a_draft(2, RecordState.REJECTED)), asyncio.Event()
    watching = Review(shelf).watch("clinic", Wanted(), 0.0, ending)
    assert (await anext(watching)).sequence == 1
    shelf.drafts[3] = a_draft(3)
    assert (await anext(watching)).sequence == 3
    shelf.drafts[1] = a_draft(1, RecordState.APPLIED, version=3)
    assert ((left := await anext(watching)).sequence, left.state) == (1, RecordState.APPLIED)
    shelf.drafts[3] = a_draft(3, version=2)
    assert ((again := await anext(watching)).sequence, again.version) == (3, 2)
    ending.set()
    with pytest.raises(MeshError) as ended:
        await anext(watching)
    assert ended.value.reason == ErrorReason.ERROR_REASON_SHUTTING_DOWN


async def test_decisions_are_counted_by_what_they_were() -> None:
    metrics.DECISIONS.clear()
    shelf = Shelf(a_draft(1), replace(a_draft(2, RecordState.APPLIED), decided_at=AT))
    review, now = Review(shelf), Decision("ana", AT + timedelta(hours=1))
    await review.confirm("clinic", 1, now)
    await review.override("clinic", 1, now, {"date": "2026-11-27"})
    await review.override("clinic", 2, now, {"date": "2026-11-27"})
    await review.reject("clinic", 1, now)
    for result in ("confirmed", "overridden", "corrected", "rejected"):
        labels = {"vendor": "local", "kind": "appointment", "result": result}
        assert REGISTRY.get_sample_value("voicemesh_crm_decisions_total", labels) == 1, result


async def test_what_waits_is_counted_and_a_store_that_is_away_ends_nothing() -> None:
    shelf = Shelf(a_draft(1), a_draft(2))
    shelf.away = True
    review = Review(shelf)
    with pytest.raises(MeshError) as away:
        await review.drafts("clinic", Wanted(), size=0, token="")
    assert away.value.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE
    labels = {"vendor": "local", "kind": "appointment"}
    metrics.WAITING.clear()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(review.count(0.0))
        await asyncio.sleep(0)
        shelf.away = False
        while REGISTRY.get_sample_value("voicemesh_crm_drafts_waiting", labels) is None:
            await asyncio.sleep(0)
        counting.cancel()
    assert REGISTRY.get_sample_value("voicemesh_crm_drafts_waiting", labels) == 2
    age = REGISTRY.get_sample_value("voicemesh_crm_oldest_draft_seconds", labels)
    assert age is not None
    assert age >= 7200
