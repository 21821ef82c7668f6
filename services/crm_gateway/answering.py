"""Answers of the store, as use cases give them: one that does not come is an error a caller can act on."""

from collections.abc import Awaitable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mesh.errors import ErrorReason, MeshError
from services.crm_gateway import metrics

T = TypeVar("T")


async def answered(answer: Awaitable[T]) -> T:
    """Return what the store answers.

    Raises:
        MeshError: DEPENDENCY_UNAVAILABLE when it does not.
    """
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
