"""The use cases of those who run the mesh: see what could not be written, have it written after all, give it up."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from mesh.errors import ErrorReason, MeshError
from mesh.interceptors.principals import require
from services.crm_gateway.answering import answered
from services.crm_gateway.deliveries import DeadLetter, Order, Standing

SCOPE = "crm:operate"
_PAGE = 50


class Store(Protocol):
    """What is needed of the queue; `adapters/dead_letters.py` says more."""

    async def page(
        self, tenant_id: str, *, vendor: str, sequence: int, size: int, token: str
    ) -> tuple[list[DeadLetter], str]:
        """Return a page and the next page's token."""

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int], order: Order) -> int:
        """Have dead letters made again."""

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int], order: Order) -> int:
        """Give dead letters up for good."""

    async def standing(self, tenant_id: str) -> list[Standing]:
        """Count the deliveries of each business system."""


class WriteBack:
    """What can be seen and changed of the queue. Every method raises ``MeshError``: DEPENDENCY_UNAVAILABLE."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def dead_letters(
        self, tenant_id: str, *, vendor: str, sequence: int, size: int, token: str
    ) -> tuple[list[DeadLetter], str]:
        """Return a page of dead letters, the newest first, and the next page's token.

        Raises:
            MeshError: INVALID_REQUEST for a token that was not handed out.
        """
        page = self._store.page(tenant_id, vendor=vendor, sequence=sequence, size=size or _PAGE, token=token)
        try:
            return await answered(page)
        except ValueError as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_REQUEST,
                "page_token: send the next_page_token of the page before, or none for the first page",
                metadata={"field": "page_token", "rule": "token"},
            ) from error

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Have dead letters made again; return how many there are.

        Raises:
            MeshError: INVALID_REQUEST when nothing is chosen; UNAUTHENTICATED, PERMISSION_DENIED.
        """
        order = _ordered()
        _check(vendor, sequences)
        return await answered(self._store.replay(tenant_id, vendor, sequences, order))

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Give dead letters up for good; return how many there are.

        Raises:
            MeshError: INVALID_REQUEST when nothing is chosen; UNAUTHENTICATED, PERMISSION_DENIED.
        """
        order = _ordered()
        _check(vendor, sequences)
        return await answered(self._store.drop(tenant_id, vendor, sequences, order))

    async def standing(self, tenant_id: str) -> list[Standing]:
        """Count the deliveries of each business system."""
        return await answered(self._store.standing(tenant_id))


def _ordered() -> Order:
    """Return who asks, and what for, if they may."""
    principal = require(SCOPE)
    return Order(principal.name, principal.purpose, datetime.now(UTC))


def _check(vendor: str, sequences: Sequence[int]) -> None:
    if not vendor and not sequences:
        raise MeshError(
            ErrorReason.ERROR_REASON_INVALID_REQUEST,
            "selection: give ids, or the vendor whose dead letters are all meant",
            metadata={"field": "selection", "rule": "required"},
        )
