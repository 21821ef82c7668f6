"""Asking over HTTP, and what answers mean for a delivery: the same for all business systems that are asked so.

aiohttp, not httpx: with tens of requests at once the latter's pool takes most of a worker's processor time.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.model import BusyError, RejectedError

_TEXT_LIMIT = 200
_WAIT_S = 1.0
_LONGEST_WAIT_S = 3600.0
_REFUSALS = frozenset({400, 404, 409, 410, 413, 415, 422})
"""The request itself is wrong: it would be refused again. Of 401 and 403 the settings are, which can be mended."""


class HttpError(Exception):
    """An answer that says neither that it was done nor that it never will be: to be tried again.

    Args:
        text: what is kept and shown to who runs the mesh; it may repeat what was sent, and is not for logs.
        status: of the answer, which is.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the document in it.

        Raises:
            HttpError: there is none.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise HttpError(f"it answers {self.status} with what is no JSON: {self.text}", self.status) from None

    @property
    def text(self) -> str:
        """The beginning of it, for errors."""
        return self.body[:_TEXT_LIMIT].decode(errors="replace")


class Asking:
    """Asks one system; every method raises ``aiohttp.ClientError`` and ``TimeoutError`` where no answer comes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, url: str, **content: Any) -> Answer:
        """Send a request and read its answer; `content` is aiohttp's: json, data, params, headers."""
        async with self._session.request(method, url, **content) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


@contextlib.asynccontextmanager
async def asking(settings: CrmSyncSettings, base_url: str | None = None) -> AsyncIterator[Asking]:
    """Keep at most as many connections as records are written at once."""
    connector = aiohttp.TCPConnector(limit=settings.crm_concurrency)
    timeout = aiohttp.ClientTimeout(settings.crm_timeout_s)
    async with aiohttp.ClientSession(base_url, connector=connector, timeout=timeout) as session:
        yield Asking(session)


def check(answer: Answer) -> Answer:
    """Return an answer that is one.

    Raises:
        RejectedError: it says that the request is wrong.
        BusyError: it says to wait: 429, or 503 with `Retry-After`.
        HttpError: any other failure, to be tried again.
    """
    if answer.status == 429 or (answer.status == 503 and "Retry-After" in answer.headers):
        raise BusyError(f"it answers {answer.status}", _retry_after_s(answer))
    if answer.status in _REFUSALS:
        raise RejectedError(f"it answers {answer.status}: {answer.text}")
    if not 200 <= answer.status < 300:
        raise HttpError(f"it answers {answer.status}: {answer.text}", answer.status)
    return answer


def _retry_after_s(answer: Answer) -> float:
    """Seconds of a `Retry-After` header, RFC 9110 section 10.2.3: a number of them, or a date."""
    value = answer.headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            seconds = _WAIT_S
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
