"""The embedded business system's use case: an event becomes one record, whatever happens on the way."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

from mesh import telemetry
from mesh.bus import Delivery, UnprocessableError
from services.crm_gateway import metrics
from services.crm_gateway.mapping import Mapper
from services.crm_gateway.model import Contact, EmbeddedVendor, NewRecord, RecordState, RejectedError, Unit
from services.crm_gateway.review.evidence import CallEvidence, evidence_of

UnitT = TypeVar("UnitT", bound=Unit)
UnitT_contra = TypeVar("UnitT_contra", bound=Unit, contravariant=True)


class LedgerPort(Protocol[UnitT]):
    """What is needed of the gateway's own store; `adapters/ledger.py` says more."""

    def unit(self, record: NewRecord) -> AbstractAsyncContextManager[UnitT]:
        """Open the transaction of one record."""

    async def contact_of(self, unit: UnitT, record: NewRecord) -> Contact | None:
        """Find or make the contact of a record."""

    async def announce(
        self, unit: UnitT, record: NewRecord, contact: Contact | None, *, vendor: str, record_id: str
    ) -> bool:
        """Say that a record was written; False when that was said before."""


class DraftsPort(Protocol[UnitT_contra]):
    """What is needed of the review queue; `review/adapters/drafts.py` says more."""

    async def make(
        self, unit: UnitT_contra, record: NewRecord, contact: Contact | None, *, vendor: str, trace: Mapping[str, str]
    ) -> bool:
        """Have a record wait for a person; False when it waited before."""

    async def attach(self, unit: UnitT_contra, calls: Sequence[CallEvidence]) -> None:
        """Let the drafts of calls that ended say where their words lie."""


class Sync(Generic[UnitT]):
    """Writes records to the embedded business system."""

    def __init__(
        self, mapper: Mapper, ledger: LedgerPort[UnitT], vendor: EmbeddedVendor, drafts: DraftsPort[UnitT]
    ) -> None:
        self._mapper = mapper
        self._ledger = ledger
        self._vendor = vendor
        self._drafts = drafts

    async def on_event(self, event: Message, _: Delivery) -> None:
        """Write what an event becomes.

        Raises:
            UnprocessableError: the business system refuses it for good.
        """
        record = self._mapper.map(event)
        if record is None:
            return
        try:
            new = await self._write(record, evidence_of(event))
        except RejectedError as error:
            metrics.RECORDS.labels(self._vendor.name, record.kind, "rejected").inc()
            raise UnprocessableError(f"{self._vendor.name} refuses the record: {error}") from error
        done = "draft" if record.state is RecordState.DRAFT else "written"
        metrics.RECORDS.labels(self._vendor.name, record.kind, done if new else "repeated").inc()

    async def _write(self, record: NewRecord, evidence: CallEvidence | None) -> bool:
        """Contact, record and announcement in one transaction; of a draft, that it waits for a person."""
        async with self._ledger.unit(record) as unit:
            if evidence is not None:
                await self._drafts.attach(unit, [evidence])
            contact = await self._ledger.contact_of(unit, record)
            record_id = await self._vendor.write(record, contact, unit)
            if record.state is RecordState.DRAFT:
                vendor, trace = self._vendor.name, telemetry.inject()
                return await self._drafts.make(unit, record, contact, vendor=vendor, trace=trace)
            return await self._ledger.announce(unit, record, contact, vendor=self._vendor.name, record_id=record_id)
