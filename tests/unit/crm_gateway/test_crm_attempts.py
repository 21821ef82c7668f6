"""What is done about an attempt whose answer did not come in time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from services.crm_gateway.deliveries import Delivery, Postponed
from services.crm_gateway.model import Contact, Customer, NewRecord, RecordState, Scope
from services.crm_gateway.sync.attempts import Attempts, DispatchOptions
from services.crm_gateway.vendors.http import HttpError

_DELIVERY = Delivery(
    sequence=1,
    record=NewRecord(
        event_id="e1",
        scope=Scope("clinic", "local", "corr-1", "en-US"),
        customer=Customer(),
        kind="complaint",
        state=RecordState.APPLIED,
        title="late",
        open=False,
        occurred_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    ),
    contact=None,
    attempt=1,
    begun_before=False,
)
_OPTIONS = DispatchOptions(retry_first_s=0.01, retry_limit_s=0.02, after_timeout_s=1000)


class Failing:
    """A business system that fails in one way."""

    name = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def find(self, record: NewRecord) -> str | None:
        raise self._error

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        raise self._error

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        raise self._error


async def _waits(error: Exception) -> list[timedelta]:
    """How long one delivery waits that was made alone, and one that was made in a batch."""
    vendor, began = Failing(error), datetime.now(UTC)
    attempts = Attempts(vendor, "one", _OPTIONS)
    results = [await attempts.make(_DELIVERY), *await attempts.make_many([_DELIVERY], vendor)]
    waits = [result.due_at - began for result in results if isinstance(result, Postponed)]
    assert len(waits) == len(results)
    return waits


@pytest.mark.parametrize("error", [TimeoutError(), HttpError("too long", 504)])
async def test_what_may_still_be_at_work_there_is_not_looked_for_at_once(error: Exception) -> None:
    assert min(await _waits(error)) >= timedelta(seconds=1000)


@pytest.mark.parametrize("error", [OSError("nobody is there"), HttpError("broken", 500)])
async def test_after_other_failures_it_is_tried_again_soon(error: Exception) -> None:
    assert max(await _waits(error)) < timedelta(seconds=900)
