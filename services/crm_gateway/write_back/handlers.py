"""The use cases of those who run the mesh: see what could not be written, have it written after all, give it up."""

from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mesh.errors import ErrorReason, MeshError
from services.crm_gateway import metrics
from services.crm_gateway.deliveries import DeadLetter, Standing

T = TypeVar("T")
_PAGE = 50


class Store(Protocol):
    """What is needed of the queue; `adapters/dead_letters.py` says more."""

    async def page(
        self, tenant_id: str, *, vendor: str, sequence: int, size: int, token: str
    ) -> tuple[list[DeadLetter], str]:
        """Return a page and the next page's token."""

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Have dead letters made again."""

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
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
            return await _answered(page)
        except ValueError as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_REQUEST,
                "page_token: send the next_page_token of the page before, or none for the first page",
                metadata={"field": "page_token", "rule": "token"},
            ) from error

    async def replay(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Have dead letters made again; return how many there are.

        Raises:
            MeshError: INVALID_REQUEST when nothing is chosen.
        """
        _check(vendor, sequences)
        return await _answered(self._store.replay(tenant_id, vendor, sequences))

    async def drop(self, tenant_id: str, vendor: str, sequences: Sequence[int]) -> int:
        """Give dead letters up for good; return how many there are.

        Raises:
            MeshError: INVALID_REQUEST when nothing is chosen.
        """
        _check(vendor, sequences)
        return await _answered(self._store.drop(tenant_id, vendor, sequences))

    async def standing(self, tenant_id: str) -> list[Standing]:
        """Count the deliveries of each business system."""
        return await _answered(self._store.standing(tenant_id))


def _check(vendor: str, sequences: Sequence[int]) -> None:
    if not vendor and not sequences:
        raise MeshError(
            ErrorReason.ERROR_REASON_INVALID_REQUEST,
            "selection: give ids, or the vendor whose dead letters are all meant",
            metadata={"field": "selection", "rule": "required"},
        )


async def _answered(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (SQLAlchemyError, OSError) as error:
        metrics.STORE_ERRORS.inc()
        raise MeshError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            "the store does not answer; try again",
            retry_after_s=1.0,
            metadata={"dependency": "crm-store"},
        ) from error
