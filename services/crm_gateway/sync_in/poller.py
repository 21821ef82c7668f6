"""Reading a business system's changes by cursor: page by page, by one process at a time, for ever."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from mesh import logs
from mesh.backoff import backoff_s
from services.crm_gateway import metrics
from services.crm_gateway.model import BusyError
from services.crm_gateway.sync.breaker import Breaker, BreakerOptions, Circuit
from services.crm_gateway.sync_in.model import ChangeSource, CursorError, LostCursorError, Page, Position, Taken

_log = logs.get_logger(__name__)


class Right(Protocol):
    """The right to read; `adapters/leases.py` says more."""

    async def hold(self) -> bool:
        """Take or renew it; False while another holds it."""

    async def give_up(self) -> None:
        """Let another have it."""


class Place(Protocol):
    """How far it was read; `adapters/cursors.py` says more."""

    async def read(self) -> Position:
        """Return it."""

    async def failed(self, error: str) -> None:
        """Note a failure."""

    async def restart(self) -> None:
        """Begin again."""


class Takes(Protocol):
    """Takes pages in; `adapters/change_intake.py` says more."""

    async def take_page(self, before: Position, page: Page) -> Taken:
        """Take in a page and go on behind it."""


@dataclass(frozen=True, slots=True)
class PollOptions:
    """How often, and how patiently."""

    every_s: float = 30.0
    """Pause once there is nothing more."""
    page_s: float = 40.0
    """Longest a page may take. The right to read lasts longer."""
    retry_first_s: float = 0.5
    retry_limit_s: float = 300.0
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


class _SourceError(Exception):
    """The business system failed; the text says how, and may repeat what it knows of people: it is not for logs.

    Args:
        kind: the type of the error.
        status: of its answer, where there was one.
    """

    def __init__(self, text: str, kind: str, status: int | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.status = status


class Poller:
    """Reads one business system's changes."""

    def __init__(
        self,
        source: ChangeSource,
        place: Place,
        taking: Takes,
        right: Right,
        *,
        options: PollOptions,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._place = place
        self._taking = taking
        self._right = right
        self._options = options
        self._failures = 0
        self._breaker = Breaker(options.breaker, now, self._on_circuit)

    async def run(self) -> None:
        """Read, for ever; failures of the business system and of the database are waited out."""
        try:
            while True:  # noqa: ASYNC110 - the pause is what a step asks for
                await asyncio.sleep(await self.step())
        finally:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await self._right.give_up()

    async def step(self) -> float:
        """Read one page where that may be done now; return the seconds to wait before the next."""
        if self._breaker.permits(in_flight=0) == 0:
            return self._options.retry_first_s
        try:
            if not await self._right.hold():
                return min(self._options.every_s, self._options.page_s)
            more = await self._read(await self._place.read())
        except LostCursorError:
            more = True
        except BusyError as busy:
            self._breaker.pause(busy.retry_after_s)
            return busy.retry_after_s
        except (_SourceError, SQLAlchemyError, OSError) as error:
            if isinstance(error, _SourceError):
                await self._note(error)
            return self._waiting(error)
        self._failures = 0
        return 0.0 if more else self._options.every_s

    async def _read(self, position: Position) -> bool:
        """Take in the page behind a place; say whether there is more."""
        try:
            page = await self._fetch(position.cursor)
        except CursorError as error:
            if not position.cursor:
                raise _SourceError(f"it does not know the empty cursor: {error}", type(error).__name__) from error
            _log.warning("crm_sync.cursor_forgotten", vendor=self._source.name)
            await self._place.restart()
            return True
        self._breaker.succeeded()
        for reason in page.refused:
            _log.warning("crm_sync.change_refused", vendor=self._source.name, reason=reason)
        taken = await self._taking.take_page(position, page)
        metrics.SYNC_READ_AT.labels(self._source.name).set_to_current_time()
        if taken.applied:
            _log.info("crm_sync.changes", vendor=self._source.name, applied=taken.applied, ignored=taken.ignored)
        return page.more

    async def _fetch(self, cursor: str) -> Page:
        try:
            async with asyncio.timeout(self._options.page_s):
                return await self._source.changes(cursor)
        except (BusyError, CursorError):
            raise
        except Exception as error:
            kind = type(error).__name__
            raise _SourceError(str(error) or kind, kind, getattr(error, "status", None)) from error

    async def _note(self, error: _SourceError) -> None:
        self._breaker.failed()
        try:
            await self._place.failed(str(error))
        except (SQLAlchemyError, OSError) as other:
            _log.warning("crm_sync.no_store", error=repr(other))

    def _waiting(self, error: Exception) -> float:
        self._failures += 1
        wait_s = backoff_s(self._failures, first_s=self._options.retry_first_s, limit_s=self._options.retry_limit_s)
        kind = error.kind if isinstance(error, _SourceError) else type(error).__name__
        _log.warning(
            "crm_sync.late",
            vendor=self._source.name,
            failures=self._failures,
            wait_s=wait_s,
            error=kind,
            status=getattr(error, "status", None),
        )
        return wait_s

    def _on_circuit(self, circuit: Circuit) -> None:
        metrics.SYNC_CIRCUIT.labels(self._source.name).set(circuit)
