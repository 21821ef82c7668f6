"""One comparison of one business system: queue, event stream and the system itself."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from google.protobuf.message import Message

from mesh.bus import Delivery
from services.crm_gateway.deliveries import DeliveryState
from services.crm_gateway.mapping import Mapper
from services.crm_gateway.model import AuditableVendor, CorrectableVendor, NewRecord, VendorRecord
from services.crm_gateway.reconciliation.model import Difference, Expected, Finding, Report, compare
from services.crm_gateway.reconciliation.store import Rows
from services.crm_gateway.reconciliation.stream import EventStream

_PAGE = 100
_HELD_BACK = frozenset({DeliveryState.DRAFT, DeliveryState.REJECTED, DeliveryState.DROPPED})

TakeIn = Callable[[Message, Delivery], Awaitable[None]]
"""Does with an event what should have been done when it came."""
Progress = Callable[[Report], None]


class Reconciliation:
    """Compares, and repairs where it is told to.

    Args:
        rows: the queue; None: an embedded system, which has none.
        take_in: what is done with an event that was lost.
        repair: whether anything is changed.
        progress: told now and then.
    """

    def __init__(
        self,
        report: Report,
        vendor: AuditableVendor,
        mapper: Mapper,
        rows: Rows | None,
        take_in: TakeIn,
        *,
        repair: bool,
        progress: Progress,
    ) -> None:
        self._report = report
        self._vendor = vendor
        self._mapper = mapper
        self._rows = rows
        self._take_in = take_in
        self._repair = repair
        self._progress = progress
        self._said: set[str] = set()

    async def run(self, stream: EventStream | None) -> Report:
        """Compare; without a stream only what was queued. Raises what store, stream and business system raise."""
        report = self._report
        if self._rows is not None:
            async for page in self._rows.expected(report.since):
                await self._compare_rows(page)
                self._progress(report)
        if stream is not None:
            await self._compare_events(stream)
        # An embedded system is judged by events alone: of what happened before the first of them, nothing is known.
        begins_at = stream.begins_at if stream is not None else None
        since = report.since if self._rows is not None else begins_at
        if since is not None:
            await self._look_for_unexpected(since)
        self._progress(report)
        return report

    async def _compare_rows(self, page: Sequence[Expected]) -> None:
        self._said.update(one.record.record_id for one in page)
        settled = [one for one in page if one.state is not DeliveryState.WAITING]
        self._report.waiting += len(page) - len(settled)
        held = await self._vendor.holds(self._report.tenant_id, [one.record.record_id for one in settled])
        for one in settled:
            found = compare(one, held.get(one.record.record_id, ()))
            if found is None:
                self._report.held_back += one.state in _HELD_BACK
                self._report.matched += one.state not in _HELD_BACK
                continue
            if self._repair:
                found.repaired = await self._repaired(one, found)
            self._report.note(found)

    async def _repaired(self, expected: Expected, found: Difference) -> bool:
        if self._rows is None:
            return False
        match found.finding:
            case Finding.MISSING if expected.state is DeliveryState.WRITTEN:
                return await self._rows.write_again(expected)
            case Finding.DIFFERENT if isinstance(self._vendor, CorrectableVendor):
                await self._rows.correct(expected, found.there[0])
                return True
        return False

    async def _compare_events(self, stream: EventStream) -> None:
        """Look at what was taken from the stream and left no delivery."""
        taken = await stream.taken()
        page: list[tuple[NewRecord, Message, Delivery]] = []
        async for event, delivery in stream.since(self._report.since):
            record = self._mapper.map(event)
            if record is None or record.scope.tenant_id != self._report.tenant_id:
                continue
            self._said.add(record.record_id)
            if delivery.stream_sequence > taken:
                self._report.waiting += 1
                continue
            page.append((record, event, delivery))
            if len(page) == _PAGE:
                await self._compare_page(page)
                page.clear()
                self._progress(self._report)
        await self._compare_page(page)

    async def _compare_page(self, page: Sequence[tuple[NewRecord, Message, Delivery]]) -> None:
        queued = await self._rows.queued([record.event_id for record, _, _ in page]) if self._rows and page else set()
        lost = [each for each in page if each[0].event_id not in queued]
        if not lost:
            return
        held = await self._vendor.holds(self._report.tenant_id, [record.record_id for record, _, _ in lost])
        for record, event, delivery in lost:
            # People change the records of an embedded system in their place: what they should say is not known here.
            expected = Expected(record, None, with_values=self._rows is not None)
            found = compare(expected, held.get(record.record_id, ()))
            if found is None:
                self._report.matched += 1
                continue
            if self._rows is not None:
                found.note = "its event was taken, and left no delivery"
            if self._repair and found.finding is Finding.MISSING:
                await self._take_in(event, delivery)
                found.repaired = True
            self._report.note(found)

    async def _look_for_unexpected(self, since: datetime) -> None:
        page: list[VendorRecord] = []
        async for record in self._vendor.written_since(self._report.tenant_id, since):
            if record.record_id not in self._said:
                page.append(record)
            if len(page) == _PAGE:
                await self._note_unexpected(page)
                page.clear()
        await self._note_unexpected(page)

    async def _note_unexpected(self, page: Sequence[VendorRecord]) -> None:
        known = await self._rows.known({one.record_id for one in page}) if self._rows and page else set()
        for one in page:
            if one.record_id not in known:
                there = (one.vendor_record_id,)
                self._report.note(Difference(Finding.UNEXPECTED, one.record_id, one.kind, there=there))
