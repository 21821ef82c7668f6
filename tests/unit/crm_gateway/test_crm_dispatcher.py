"""Deliveries are made: what is written, what is corrected, what is given up."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from services.crm_gateway.deliveries import Delivery, GivenUp, Postponed, Result, Written
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.sync.breaker import BreakerOptions
from services.crm_gateway.sync.dispatcher import Dispatcher, DispatchOptions

DEFAULT_OPTIONS = DispatchOptions()


class FakeQueue:
    """Hands deliveries out once; keeps what became of them."""

    def __init__(self, *deliveries: Delivery) -> None:
        self._waiting = list(deliveries)
        self._missing = len(deliveries)
        self.results: list[Result] = []
        self.done = asyncio.Event()

    async def claim(
        self,
        worker: str,
        size: int,
        lease: timedelta,
        permits: Callable[[str], int | None],
    ) -> list[Delivery]:
        claimed, self._waiting = self._waiting[:size], self._waiting[size:]
        return claimed

    async def settle(self, worker: str, results: Sequence[Result]) -> None:
        self.results += results
        if len(self.results) == self._missing:
            self.done.set()


class Plain:
    """A business system that takes records, and no changes of them."""

    name = "plain"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, record: NewRecord) -> str | None:
        self.asked.append(f"find {record.event_id}")
        return None

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        self.asked.append(f"write {record.event_id}")
        return f"there-{record.event_id}"


class Correctable(Plain):
    """One that takes changes too."""

    async def correct(self, record: NewRecord, contact: Contact | None) -> str:
        self.asked.append(f"correct {record.corrects}")
        return record.corrects


def a_delivery(event_id: str, *, corrects: str = "", begun_before: bool = False) -> Delivery:
    record = NewRecord(
        event_id=event_id,
        scope=Scope("clinic", "local", "corr-1", "en-US"),
        customer=Customer(),
        kind="complaint",
        state=RecordState.APPLIED,
        title="late",
        open=False,
        occurred_at=datetime.now(UTC),
        corrects=corrects,
    )
    return Delivery(sequence=1, record=record, contact=None, attempt=1, begun_before=begun_before)


async def results_of(vendor: Plain, *deliveries: Delivery, options: DispatchOptions = DEFAULT_OPTIONS) -> list[Result]:
    queue = FakeQueue(*deliveries)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(Dispatcher(vendor, queue, "one", options).run())
        async with asyncio.timeout(30):
            await queue.done.wait()
        working.cancel()
    return queue.results


async def test_a_correction_changes_what_is_there_and_adds_nothing() -> None:
    vendor = Correctable()
    (result,) = await results_of(vendor, a_delivery("e1", corrects="T7", begun_before=True))
    assert isinstance(result, Written)
    assert result.record_id == "T7"
    assert vendor.asked == ["correct T7"]


async def test_who_takes_no_corrections_leaves_a_dead_letter() -> None:
    vendor = Plain()
    (result,) = await results_of(vendor, a_delivery("e1", corrects="T7"))
    assert isinstance(result, GivenUp)
    assert result.error == "plain refuses the record: what was written there cannot be changed: T7"
    assert vendor.asked == []


async def test_what_an_earlier_attempt_may_have_written_is_looked_for_first() -> None:
    vendor = Plain()
    await results_of(vendor, a_delivery("e1", begun_before=True))
    assert vendor.asked == ["find e1", "write e1"]


async def test_nothing_is_begun_that_may_outlast_its_lease() -> None:
    vendor = Plain()
    (result,) = await results_of(vendor, a_delivery("e1"), options=DispatchOptions(lease_s=5, attempt_s=10))
    assert isinstance(result, Postponed)
    assert not result.made
    assert vendor.asked == []


class Away(Plain):
    """One that does not answer."""

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        await super().write(record, contact)
        raise OSError("nobody is there")


async def test_what_was_claimed_is_put_back_when_the_circuit_opens() -> None:
    vendor = Away()
    options = DispatchOptions(concurrency=1, breaker=BreakerOptions(failures=2, first_s=1000, limit_s=1000))
    results = await results_of(vendor, *(a_delivery(f"e{number}") for number in range(4)), options=options)
    assert vendor.asked == ["write e0", "write e1"]
    assert [isinstance(result, Postponed) and result.made for result in results] == [True, True, False, False]
