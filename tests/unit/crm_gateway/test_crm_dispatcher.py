"""Deliveries are made: what is written, what is corrected, what is given up."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import DataError
from structlog.testing import capture_logs

from services.crm_gateway.deliveries import CircuitChange, Delivery, GivenUp, Postponed, Result, Written
from services.crm_gateway.model import (
    BusyError,
    Contact,
    Customer,
    NewRecord,
    Profile,
    RecordState,
    RejectedError,
    Scope,
)
from services.crm_gateway.sync.attempts import DispatchOptions
from services.crm_gateway.sync.breaker import BreakerOptions
from services.crm_gateway.sync.dispatcher import Dispatcher
from services.crm_gateway.vendors.http import HttpError

DEFAULT_OPTIONS = DispatchOptions()


class FakeQueue:
    """Hands deliveries out once; keeps what became of them."""

    def __init__(self, *deliveries: Delivery) -> None:
        self._waiting = [one for one in deliveries if one.record.profile is Profile.REALTIME]
        self._can_wait = [one for one in deliveries if one.record.profile is Profile.BATCH]
        self._missing = len(deliveries)
        self.results: list[Result] = []
        self.changes: list[CircuitChange] = []
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

    async def claim_batch(
        self, worker: str, size: int, lease: timedelta, permits: Callable[[str], int | None], *, wait: timedelta
    ) -> list[Delivery]:
        claimed, self._can_wait = self._can_wait[:size], self._can_wait[size:]
        return claimed

    async def settle(self, worker: str, results: Sequence[Result], changes: Sequence[CircuitChange]) -> None:
        self.results += results
        self.changes += changes
        if len(self.results) == self._missing:
            self.done.set()

    async def oldest(self) -> datetime | None:
        return None


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


def a_delivery(
    event_id: str, *, corrects: str = "", begun_before: bool = False, profile: Profile = Profile.REALTIME
) -> Delivery:
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
        profile=profile,
    )
    return Delivery(sequence=abs(hash(event_id)), record=record, contact=None, attempt=1, begun_before=begun_before)


async def results_of(vendor: Plain, *deliveries: Delivery, options: DispatchOptions = DEFAULT_OPTIONS) -> list[Result]:
    return (await made(vendor, *deliveries, options=options)).results


async def made(vendor: Plain, *deliveries: Delivery, options: DispatchOptions = DEFAULT_OPTIONS) -> FakeQueue:
    queue = FakeQueue(*deliveries)
    await run_until_done(vendor, queue, options)
    return queue


async def run_until_done(vendor: Plain, queue: FakeQueue, options: DispatchOptions) -> None:
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(Dispatcher(vendor, queue, "one", options).run())
        async with asyncio.timeout(30):
            await queue.done.wait()
        working.cancel()


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


async def test_a_circuit_that_opens_is_told_once_with_the_reason() -> None:
    options = DispatchOptions(concurrency=1, breaker=BreakerOptions(failures=2, first_s=1000, limit_s=1000))
    queue = await made(Away(), *(a_delivery(f"e{number}") for number in range(4)), options=options)
    (change,) = queue.changes
    assert (change.open, change.worker, change.reason) == (True, "one", "OSError: nobody is there")
    assert change.retry_at is not None
    assert change.retry_at > change.opened_at


class Recovering(Plain):
    """One that fails twice, and is well again."""

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        written = await super().write(record, contact)
        if len(self.asked) <= 2:
            raise OSError("nobody is there")
        return written


async def test_a_circuit_that_closes_again_is_told() -> None:
    options = DispatchOptions(concurrency=1, breaker=BreakerOptions(failures=2, first_s=0.0, limit_s=0.0))
    queue = await made(Recovering(), *(a_delivery(f"e{number}") for number in range(4)), options=options)
    assert [change.open for change in queue.changes] == [True, False]
    assert queue.changes[1].opened_at == queue.changes[0].opened_at


class Bulk(Plain):
    """One that takes many at once; some of them it refuses."""

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        self.asked.append(" ".join(["many", *(record.event_id for record, _ in records)]))
        answers: dict[str, str | Exception] = {
            "refused": RejectedError("too long"),
            "busy": BusyError("wait", 1.0),
            "lost": OSError("the disk is full"),
        }
        return [answers.get(record.event_id, f"there-{record.event_id}") for record, _ in records]


def can_wait(*event_ids: str) -> list[Delivery]:
    return [a_delivery(event_id, profile=Profile.BATCH) for event_id in event_ids]


async def test_what_can_wait_is_written_with_one_request_and_each_has_its_own_answer() -> None:
    vendor = Bulk()
    results = await results_of(vendor, *can_wait("e1", "refused", "busy", "lost", "e2"))
    assert vendor.asked == ["many e1 refused busy lost e2"]
    written, refused, busy, lost, last = results
    assert [result.record_id for result in (written, last) if isinstance(result, Written)] == ["there-e1", "there-e2"]
    assert isinstance(refused, GivenUp)
    assert refused.error == "plain refuses the record: too long"
    assert isinstance(busy, Postponed)
    assert not busy.counts
    assert isinstance(lost, Postponed)
    assert lost.counts


async def test_of_a_batch_what_may_be_there_already_is_looked_for_by_itself() -> None:
    vendor = Bulk()
    again = a_delivery("e1", begun_before=True, profile=Profile.BATCH)
    await results_of(vendor, again, *can_wait("e2", "e3"))
    assert vendor.asked == ["find e1", "write e1", "many e2 e3"]


async def test_who_takes_no_batches_gets_them_one_by_one() -> None:
    vendor = Plain()
    await results_of(vendor, *can_wait("e1", "e2"))
    assert vendor.asked == ["write e1", "write e2"]


class Miscounting(Plain):
    """One that answers for fewer than it was given."""

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        return ["there"] * (len(records) - 1)


async def test_a_batch_whose_answers_are_not_as_many_is_tried_again() -> None:
    results = await results_of(Miscounting(), *can_wait("e1", "e2"))
    assert [(isinstance(result, Postponed), result.delivery.record.event_id) for result in results] == [
        (True, "e1"),
        (True, "e2"),
    ]


class RefusingQueue(FakeQueue):
    """A store that refuses some values, whoever they come with."""

    async def settle(self, worker: str, results: Sequence[Result], changes: Sequence[CircuitChange]) -> None:
        if any(isinstance(result, Written) and result.record_id == "there-bad" for result in results):
            raise DataError("", {}, Exception("value too long"))
        await super().settle(worker, results, changes)


async def test_a_result_that_the_store_refuses_holds_up_no_other() -> None:
    queue = RefusingQueue(a_delivery("e1"), a_delivery("bad"), a_delivery("e2"))
    await run_until_done(Plain(), queue, DEFAULT_OPTIONS)
    by_event = {result.delivery.record.event_id: result for result in queue.results}
    assert isinstance(by_event["e1"], Written)
    assert isinstance(by_event["e2"], Written)
    assert isinstance(by_event["bad"], GivenUp)
    assert by_event["bad"].error == "what became of it cannot be written down"


async def test_what_a_business_system_answers_is_not_logged() -> None:
    with capture_logs() as logs:
        await results_of(Telling(), a_delivery("e1"))
    said = repr(logs)
    assert "attempt_failed" in said
    assert "HttpError" in said
    assert "Mrs Miller" not in said


class Telling(Plain):
    """One whose failures repeat what it was sent."""

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        raise HttpError("it answers 500: no contact 'Mrs Miller'", 500)


class Picky(Plain):
    """One that refuses many at once for good."""

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        raise RejectedError(f"one of {len(records)} is wrong")


async def test_a_batch_that_is_refused_as_a_whole_is_no_dead_letter_yet() -> None:
    results = await results_of(Picky(), *can_wait("e1", "e2"))
    assert [isinstance(result, Postponed) for result in results] == [True, True]


class Slow(Plain):
    """One that answers when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.answer = asyncio.Event(), asyncio.Event()

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        written = await super().write(record, contact)
        self.begun.set()
        await self.answer.wait()
        return written


async def test_a_process_that_ends_finishes_what_has_begun_and_puts_the_rest_back() -> None:
    vendor, queue = Slow(), FakeQueue(*(a_delivery(f"e{number}") for number in range(4)))
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(Dispatcher(vendor, queue, "one", DispatchOptions(concurrency=1)).run())
        await vendor.begun.wait()
        working.cancel()
        vendor.answer.set()
    assert vendor.asked == ["write e0"]
    put_back = [result.delivery.record.event_id for result in queue.results if isinstance(result, Postponed)]
    assert sorted(put_back) == ["e1", "e2", "e3"]
    assert [result.record_id for result in queue.results if isinstance(result, Written)] == ["there-e0"]
