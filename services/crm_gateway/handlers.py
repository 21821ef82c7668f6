"""The hot path's use cases. Nothing here asks a business system: all is read from the gateway's own store."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mesh.errors import ErrorReason, MeshError
from services.crm_gateway import metrics
from services.crm_gateway.cache import ContextCache
from services.crm_gateway.hub import Hub
from services.crm_gateway.model import (
    CallerContext,
    Contact,
    ContactConflictError,
    ContactKey,
    ContactNotFoundError,
    Record,
    Scope,
)

T = TypeVar("T")
_PAGE = 50


class Store(Protocol):
    """What is needed of the contact store; `adapters/contacts.py` says more."""

    async def upsert(self, scope: Scope, given: Contact) -> tuple[Contact, bool]:
        """Make or change a contact."""

    async def list_records(
        self, tenant_id: str, *, kind: str, session_id: str, contact_id: str, size: int, token: str
    ) -> tuple[Sequence[Record], str]:
        """Return a page of records."""


class Contexts:
    """Callers' contexts: what was seen already, at once; what is true now, within `timeout_s` seconds."""

    def __init__(self, cache: ContextCache, timeout_s: float) -> None:
        self._cache = cache
        self._timeout_s = timeout_s

    def seen(self, scope: Scope, key: ContactKey) -> CallerContext | None:
        """Return what the cache has, fresh or stale."""
        return self._cache.peek(scope.tenant_id, key)

    async def read(self, scope: Scope, key: ContactKey) -> CallerContext:
        """Return a fresh context.

        Raises:
            MeshError: DEPENDENCY_UNAVAILABLE when the store does not answer in time.
        """
        return await _store_answers(self._cache.get(scope.tenant_id, key), self._timeout_s)


class Gateway:
    """Looks contacts up, changes them, lists records."""

    def __init__(self, store: Store, cache: ContextCache, hub: Hub, timeout_s: float) -> None:
        self._store = store
        self._cache = cache
        self._hub = hub
        self._timeout_s = timeout_s
        self.contexts = Contexts(cache, timeout_s)

    async def lookup(self, scope: Scope, key: ContactKey) -> CallerContext:
        """Return what is known of a contact.

        Raises:
            MeshError: NOT_FOUND when the tenant has no such contact.
        """
        context = await self.contexts.read(scope, key)
        if context.contact is None:
            # A number or a business's own id is personal data: the error says only which name was asked for.
            raise _not_found(key.kind, key.value if key.kind == "contact_id" else "")
        return context

    async def upsert(self, scope: Scope, given: Contact) -> tuple[Contact, bool]:
        """Make or change a contact; calls with it hear of the change.

        Raises:
            MeshError: NOT_FOUND for an id nobody has, ALREADY_EXISTS for a version that is not the present one or a
                customer id that is another's.
        """
        try:
            contact, created = await _store_answers(self._store.upsert(scope, given), None)
        except ContactNotFoundError:
            raise _not_found("contact_id", given.contact_id) from None
        except ContactConflictError as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_ALREADY_EXISTS,
                str(error),
                metadata={"kind": "contact", "name": given.contact_id},
            ) from error
        self.changed(scope.tenant_id, contact.keys)
        return contact, created

    async def records(
        self, scope: Scope, *, kind: str, session_id: str, contact_id: str, size: int, token: str
    ) -> tuple[Sequence[Record], str]:
        """Return a page of records, the newest first, and the next page's token.

        Raises:
            MeshError: INVALID_REQUEST for a token that was not handed out.
        """
        page = self._store.list_records(
            scope.tenant_id,
            kind=kind,
            session_id=session_id,
            contact_id=contact_id,
            size=size or _PAGE,
            token=token,
        )
        try:
            return await _store_answers(page, None)
        except ValueError as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_REQUEST,
                "page_token: send the next_page_token of the page before, or none for the first page",
                metadata={"field": "page_token", "rule": "token"},
            ) from error

    def changed(self, tenant_id: str, keys: Iterable[ContactKey]) -> None:
        """Take note that the contact of these names changed; calls with it look again."""
        names = frozenset(keys)
        self._cache.touch(tenant_id, names)
        self._hub.tell(tenant_id, names)


async def _store_answers(answer: Awaitable[T], timeout_s: float | None) -> T:
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        metrics.STORE_ERRORS.inc()
        raise MeshError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            "the contact store does not answer; try again",
            retry_after_s=1.0,
            metadata={"dependency": "crm-store"},
        ) from error


def _not_found(kind: str, name: str) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"no contact of this tenant has that {kind}; make it with UpsertContact",
        metadata={"kind": kind, "name": name},
    )
