"""The use cases of those who look after contacts: see where sources disagree, decide."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from voicemesh.crm.v1 import crm_pb2

from mesh import logs
from mesh.errors import ErrorReason, MeshError
from mesh.validation import validate
from services.crm_gateway import metrics as gateway_metrics
from services.crm_gateway.answering import answered
from services.crm_gateway.conflicts import metrics
from services.crm_gateway.conflicts.model import (
    Conflict,
    Decision,
    DecisionRefusedError,
    ResolvedConflictError,
    StaleConflictError,
    UnknownConflictError,
    Wanted,
)
from services.crm_gateway.model import Contact, ContactKey, Scope

T = TypeVar("T")
_PAGE = 50
_log = logs.get_logger(__name__)


class Store(Protocol):
    """What is needed of the conflict log; `store.py` says more."""

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[Sequence[Conflict], str]:
        """Return a page and the next page's token."""

    async def get(self, tenant_id: str, conflict_id: str) -> Conflict:
        """Return a conflict."""

    async def resolve(self, scope: Scope, conflict_id: str, decision: Decision) -> tuple[Conflict, Contact]:
        """Write a decision down."""

    async def waiting(self) -> tuple[int, datetime | None]:
        """Count what waits, and since when the oldest does."""


class Conflicts:
    """What can be seen and decided. Every method raises ``MeshError``: DEPENDENCY_UNAVAILABLE.

    Args:
        changed: told the names of a contact that a decision changed.
    """

    def __init__(self, store: Store, changed: Callable[[str, Iterable[ContactKey]], None]) -> None:
        self._store = store
        self._changed = changed

    async def page(self, tenant_id: str, wanted: Wanted, *, size: int, token: str) -> tuple[Sequence[Conflict], str]:
        """Return a page of conflicts, the newest first, and the next page's token.

        Raises:
            MeshError: INVALID_REQUEST for a token that was not handed out.
        """
        try:
            return await answered(self._store.page(tenant_id, wanted, size=size or _PAGE, token=token))
        except ValueError as error:
            advice = "send the next_page_token of the page before, or none for the first page"
            raise _invalid("page_token", "token", advice) from error

    async def get(self, tenant_id: str, conflict_id: str) -> Conflict:
        """Return a conflict.

        Raises:
            MeshError: NOT_FOUND.
        """
        return await _decided(conflict_id, self._store.get(tenant_id, conflict_id))

    async def resolve(self, scope: Scope, conflict_id: str, decision: Decision) -> tuple[Conflict, Contact]:
        """Decide a conflict.

        Raises:
            MeshError: NOT_FOUND; VERSION_CONFLICT when it changed since it was looked at; WRONG_STATE when it was
                resolved already; INVALID_REQUEST for a value or a source that cannot be.
        """
        if decision.values:
            conflict = await self.get(scope.tenant_id, conflict_id)
            _check_value(conflict.field, decision.values)
        resolved, contact = await _decided(conflict_id, self._store.resolve(scope, conflict_id, decision))
        metrics.CONFLICTS.labels(resolved.field, resolved.state).inc()
        self._changed(scope.tenant_id, contact.keys)
        return resolved, contact

    async def count(self, every_s: float) -> None:
        """Keep the gauges of what waits up to date, for ever."""
        while True:
            try:
                count, since = await self._store.waiting()
                metrics.WAITING.set(count)
                waited = (datetime.now(UTC) - since).total_seconds() if since else 0.0
                metrics.OLDEST_SECONDS.set(max(0.0, waited))
            except (SQLAlchemyError, OSError) as error:
                gateway_metrics.STORE_ERRORS.inc()
                _log.warning("crm_conflicts.not_counted", error=repr(error))
            await asyncio.sleep(every_s)


def _check_value(field: str, values: Sequence[str]) -> None:
    """Hold a person's value against the contract of the field.

    Raises:
        MeshError: INVALID_REQUEST.
    """
    described = crm_pb2.Contact.DESCRIPTOR.fields_by_name.get(field)
    if described is None:
        return
    contact = crm_pb2.Contact()
    if described.is_repeated:
        getattr(contact, field).extend(values)
    else:
        setattr(contact, field, values[0])
    validate(contact, "value.")


async def _decided(conflict_id: str, answer: Awaitable[T]) -> T:
    name = {"kind": "conflict", "name": conflict_id}
    try:
        return await answered(answer)
    except UnknownConflictError:
        text = "there is no conflict of that id in this tenant; ListConflicts shows them"
        raise MeshError(ErrorReason.ERROR_REASON_NOT_FOUND, text, metadata=name) from None
    except StaleConflictError as error:
        metadata = {**name, "version": str(error.version)}
        raise MeshError(ErrorReason.ERROR_REASON_VERSION_CONFLICT, str(error), metadata=metadata) from error
    except ResolvedConflictError as error:
        metadata = {**name, "state": "resolved"}
        raise MeshError(ErrorReason.ERROR_REASON_WRONG_STATE, str(error), metadata=metadata) from error
    except DecisionRefusedError as error:
        raise _invalid(error.field, "value", str(error)) from error


def _invalid(field: str, rule: str, advice: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_INVALID_REQUEST, f"{field}: {advice}", metadata={"field": field, "rule": rule}
    )
