"""The use cases of those who review: see what waits, say yes, put right, say no."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from services.crm_gateway import metrics as gateway_metrics
from services.crm_gateway.answering import answered
from services.crm_gateway.model import RecordState
from services.crm_gateway.review import metrics
from services.crm_gateway.review.model import (
    Decision,
    Draft,
    DraftNotFoundError,
    FieldRefusedError,
    Step,
    VersionConflictError,
    Waiting,
    Wanted,
    WrongStateError,
)

T = TypeVar("T")
_PAGE = 50
_WATCH_PAGE = 500
_log = logs.get_logger(__name__)


class Store(Protocol):
    """What is needed of the review queue; `adapters/store.py` says more."""

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[list[Draft], str]:
        """Return a page and the next page's token."""

    async def get(self, tenant_id: str, sequence: int) -> tuple[Draft, Sequence[Step]]:
        """Return a draft and its history."""

    async def accept(
        self, tenant_id: str, sequence: int, decision: Decision, values: Mapping[str, str] | None = None
    ) -> Draft:
        """Say yes."""

    async def reject(self, tenant_id: str, sequence: int, decision: Decision) -> Draft:
        """Say no."""

    async def waiting(self) -> list[Waiting]:
        """Count what waits."""


class Review:
    """What can be seen and decided. Every method raises ``MeshError``: DEPENDENCY_UNAVAILABLE.

    Decisions raise it with NOT_FOUND, WRONG_STATE, VERSION_CONFLICT, and INVALID_REQUEST for a value that a field
    cannot have.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def drafts(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[list[Draft], str]:
        """Return a page of drafts, the oldest first, and the next page's token.

        Raises:
            MeshError: INVALID_REQUEST for a token that was not handed out.
        """
        try:
            return await answered(self._store.page(tenant_id, wanted, size=size or _PAGE, token=token))
        except ValueError as error:
            raise _invalid(
                "page_token", "token", "send the next_page_token of the page before, or none for the first page"
            ) from error

    async def draft(self, tenant_id: str, sequence: int) -> tuple[Draft, Sequence[Step]]:
        """Return a draft and what happened to it. Raises MeshError: NOT_FOUND."""
        return await _decided(sequence, self._store.get(tenant_id, sequence))

    async def confirm(self, tenant_id: str, sequence: int, decision: Decision) -> Draft:
        """Have a draft written as it is."""
        draft = await _decided(sequence, self._store.accept(tenant_id, sequence, decision))
        return _counted(draft, "confirmed")

    async def override(self, tenant_id: str, sequence: int, decision: Decision, values: Mapping[str, str]) -> Draft:
        """Have a draft written with other values; what is written already is put right wherever it went."""
        draft = await _decided(sequence, self._store.accept(tenant_id, sequence, decision, values))
        late = draft.decided_at is not None and draft.decided_at < decision.at
        return _counted(draft, "corrected" if late else "overridden")

    async def reject(self, tenant_id: str, sequence: int, decision: Decision) -> Draft:
        """Have a draft forgotten."""
        draft = await _decided(sequence, self._store.reject(tenant_id, sequence, decision))
        return _counted(draft, "rejected")

    async def watch(
        self, tenant_id: str, wanted: Wanted, every_s: float, ending: asyncio.Event
    ) -> AsyncGenerator[Draft]:
        """Yield the drafts that wait, then each that is made or moves, until the process ends.

        Looks at the store every `every_s` seconds: what happened in between is told once, as it is then. Of what was
        shown before, every move is told, whatever the states that are wanted.

        Raises:
            MeshError: SHUTTING_DOWN when `ending` is set: whoever watches asks another process.
        """
        shown: dict[int, int] = {}
        waiting = Wanted(wanted.vendor, wanted.kind, wanted.states or (RecordState.DRAFT,), None, wanted.session_id)
        while True:
            now: dict[int, Draft] = {}
            token = ""
            while True:
                page, token = await self.drafts(tenant_id, waiting, size=_WATCH_PAGE, token=token)
                now |= {draft.sequence: draft for draft in page}
                if not token:
                    break
            for sequence in shown.keys() - now.keys():
                left, _ = await self.draft(tenant_id, sequence)
                yield left
                del shown[sequence]
            for sequence, draft in now.items():
                if shown.get(sequence) != draft.version:
                    shown[sequence] = draft.version
                    yield draft
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await ending.wait()
                raise MeshError(ErrorReason.ERROR_REASON_SHUTTING_DOWN, "this process ends; watch again")

    async def count(self, every_s: float) -> None:
        """Keep the gauges of what waits up to date, for ever."""
        while True:
            try:
                metrics.show(await self._store.waiting())
            except (SQLAlchemyError, OSError) as error:
                gateway_metrics.STORE_ERRORS.inc()
                _log.warning("crm_review.not_counted", error=repr(error))
            await asyncio.sleep(every_s)


def _counted(draft: Draft, result: str) -> Draft:
    metrics.DECISIONS.labels(draft.vendor, draft.record.kind, result).inc()
    # Who decided, and what was changed, is in the history: a log is no place for persons.
    _log.info(
        "crm_review.decided",
        result=result,
        draft=draft.sequence,
        vendor=draft.vendor,
        kind=draft.record.kind,
        tenant_id=draft.record.scope.tenant_id,
        correlation_id=draft.record.scope.correlation_id,
    )
    return draft


async def _decided(sequence: int, answer: Awaitable[T]) -> T:
    name = {"kind": "draft", "name": str(sequence)}
    try:
        return await answered(answer)
    except DraftNotFoundError:
        text = f"there is no draft {sequence} of this tenant; ListDrafts shows them"
        raise MeshError(ErrorReason.ERROR_REASON_NOT_FOUND, text, metadata=name) from None
    except VersionConflictError as error:
        metadata = {**name, "version": str(error.version)}
        raise MeshError(ErrorReason.ERROR_REASON_VERSION_CONFLICT, str(error), metadata=metadata) from error
    except WrongStateError as error:
        metadata = {**name, "state": str(error.state)}
        raise MeshError(ErrorReason.ERROR_REASON_WRONG_STATE, str(error), metadata=metadata) from error
    except FieldRefusedError as error:
        raise _invalid(f"values.{error.field}", "value", str(error)) from error


def _invalid(field: str, rule: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST, f"{field}: {advice}", metadata={"field": field, "rule": rule}
    )
