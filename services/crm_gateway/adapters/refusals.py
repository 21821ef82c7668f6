"""Whether a database refuses what it was given, or is away."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError


def is_refusal(error: Exception) -> bool:
    """Say whether the same values would be refused again; else the database is away, and the same can be tried."""
    if isinstance(error, DataError | IntegrityError):
        return True
    # Values that cannot even be sent to it.
    return isinstance(error, ValueError) or (isinstance(error, StatementError) and not isinstance(error, DBAPIError))
