"""What answers over HTTP mean for a delivery: the same for all business systems that are asked so."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from services.crm_gateway.model import BusyError, RejectedError

_TEXT_LIMIT = 200
_WAIT_S = 1.0
_LONGEST_WAIT_S = 3600.0
_REFUSALS = frozenset({400, 404, 409, 410, 413, 415, 422})
"""The request itself is wrong: it would be refused again. Of 401 and 403 the settings are, which can be mended."""


def check(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is one.

    Raises:
        RejectedError: it says that the request is wrong.
        BusyError: it says to wait: 429, or 503 with `Retry-After`.
        httpx.HTTPStatusError: any other failure, to be tried again.
    """
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or (
        answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in answer.headers
    ):
        raise BusyError(f"it answers {answer.status_code}", _retry_after_s(answer))
    if answer.status_code in _REFUSALS:
        raise RejectedError(f"it answers {answer.status_code}: {answer.text[:_TEXT_LIMIT]}")
    return answer.raise_for_status()


def _retry_after_s(answer: httpx.Response) -> float:
    """Seconds of a `Retry-After` header, RFC 9110 section 10.2.3: a number of them, or a date."""
    value = answer.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            seconds = _WAIT_S
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
