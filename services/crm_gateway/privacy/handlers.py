"""The use cases of forgetting a contact."""

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from google.protobuf.message import Message
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted

from mesh import logs
from mesh.bus import BusUnavailableError, ConsumerOptions, Delivery, connect
from mesh.database import is_away
from mesh.errors import ErrorReason, MeshError, name_of
from mesh.interceptors.principals import Principal, require
from services.crm_gateway.adapters.backlog import EventBacklog
from services.crm_gateway.answering import answered
from services.crm_gateway.model import Scope
from services.crm_gateway.privacy.model import OWN, Erasure, NameRefusedError, Progress, Subject

SCOPE = "privacy:erase"
_SOURCE = "/voicemesh/crm"
_POLL_S = 5.0
_FIRST = "dialogue"
_TAKEN_WITHIN_S = 45.0
_LOOK_S = 0.2
_ATTEMPTS = 1_000
"""An erasure is worth waiting for; `wait_s` ends it all the same."""
_AT_ONCE = 8
_log = logs.get_logger(__name__)
_open = Gauge(
    "voicemesh_oldest_erasure_seconds", "How long the oldest erasure that is not done has been open; 0: none."
)


class Store(Protocol):
    """What is needed of the database; `adapters/erasures.py` says more."""

    async def subject(self, tenant_id: str, name: str) -> Subject:
        """Return all names of whom a name means. Raises NameRefusedError."""

    async def preview(self, tenant_id: str, subject: Subject) -> Mapping[str, int]:
        """Count what would be erased here."""

    async def request(self, scope: Scope, erasure_id: str, subject: Subject, principal: str, purpose: str) -> None:
        """Write down that contacts are to be forgotten."""

    async def work(self, before: datetime | None = None, erasure_id: str = "") -> int:
        """Forget whom it was asked to: what was asked for before a moment, or one erasure."""

    async def oldest_open(self) -> datetime | None:
        """Return when the oldest erasure was asked for that is not done."""

    async def completed(self, event: ErasureCompleted) -> None:
        """Write down that a service is done."""

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure | None:
        """Return how far an erasure is."""


class Backlog(Protocol):
    """The events that the gateway's own consumers have yet to take; `adapters/backlog.py` says more."""

    async def taken(self, sequence: int) -> bool:
        """Whether all events up to this place in the stream were."""


def _allowed() -> Principal:
    """Return who asks, if they may; who may not is in the log. Raises MeshError."""
    try:
        return require(SCOPE)
    except MeshError as error:
        _log.warning("erasure.refused", reason=name_of(error.reason), error=error.message)
        raise


class Privacy:
    """Erasures. Use cases raise `MeshError`: UNAUTHENTICATED, PERMISSION_DENIED, DEPENDENCY_UNAVAILABLE.

    The gateway forgets last: once the dialogue has, no event of the contact's calls comes any more; and once those that
    came are taken in, none of them makes a record of somebody who was forgotten. Where there is no answer for `wait_s`
    seconds - there is no dialogue, or a business system's consumer that nobody serves - it forgets all the same.
    """

    def __init__(self, store: Store, region: str, wait_s: float) -> None:
        self._store = store
        self._region = region
        self._wait = timedelta(seconds=wait_s)
        self._woken = asyncio.Event()

    async def erase(self, scope: Scope, contact: str, *, dry_run: bool) -> Erasure:
        """Have a contact forgotten everywhere; of a dry run return what the gateway alone would erase.

        Raises:
            MeshError: INVALID_REQUEST for what can be nobody's name, or is that of several contacts.
        """
        principal = _allowed()
        subject = await self._named(scope.tenant_id, contact)
        if dry_run:
            counts = await answered(self._store.preview(scope.tenant_id, subject))
            return Erasure("", None, None, principal.name, principal.purpose, (Progress(OWN, None, counts),))
        erasure_id = uuid.uuid4().hex
        await answered(self._store.request(scope, erasure_id, subject, principal.name, principal.purpose))
        _log.info("erasure.requested", erasure_id=erasure_id, principal=principal.name)
        self._woken.set()
        return await self.find(scope.tenant_id, erasure_id)

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure:
        """Return how far an erasure is.

        Raises:
            MeshError: NOT_FOUND.
        """
        require(SCOPE)
        found = await answered(self._store.find(tenant_id, erasure_id))
        if found is None:
            raise MeshError(
                ErrorReason.ERROR_REASON_NOT_FOUND,
                f"there is no erasure {erasure_id!r}; check the id and the tenant",
                metadata={"kind": "erasure", "name": erasure_id},
            )
        return found

    async def _named(self, tenant_id: str, contact: str) -> Subject:
        try:
            return await answered(self._store.subject(tenant_id, contact))
        except NameRefusedError as error:
            reason = ErrorReason.ERROR_REASON_INVALID_REQUEST
            raise MeshError(reason, str(error), metadata={"field": "contact"}) from error

    async def run(self) -> None:
        """Forget, in the gateway itself, for ever; a database that is away is tried again."""
        while True:
            self._woken.clear()
            try:
                await self._store.work(datetime.now(UTC) - self._wait)
                oldest = await self._store.oldest_open()
                _open.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0)
            except (SQLAlchemyError, OSError) as error:
                _log.warning("erasure.waiting", error=repr(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._woken.wait()

    async def listen(self, nats_url: str, retry_s: float) -> None:
        """Hear which services are done, and forget in turn, for ever; a broker that is not there is tried again."""
        while True:
            try:
                async with connect(nats_url, source=_SOURCE) as bus:
                    durable = f"crm-erasure-{self._region}"
                    options = ConsumerOptions(max_attempts=_ATTEMPTS, concurrency=_AT_ONCE)
                    consumer = await bus.consumer(
                        [ErasureCompleted], durable=durable, region=self._region, options=options, away=is_away
                    )
                    await consumer.run(partial(self.on_completed, EventBacklog(bus)))
            except BusUnavailableError as error:
                _log.warning("erasure.no_bus", error=str(error))
            await asyncio.sleep(retry_s)

    async def on_completed(self, backlog: Backlog, event: Message, delivery: Delivery) -> None:
        """Note that a service is done; the dialogue's word is the gateway's turn.

        Raises:
            TimeoutError: events still wait to be taken in: this one comes again.
        """
        assert isinstance(event, ErasureCompleted)
        await self._store.completed(event)
        if event.service != _FIRST:
            return
        async with asyncio.timeout(_TAKEN_WITHIN_S):
            while True:
                if await backlog.taken(delivery.stream_sequence):
                    break
                await asyncio.sleep(_LOOK_S)
        await self._store.work(erasure_id=event.erasure_id)
