"""An action over HTTP: a request made of the arguments, an answer in JSON of which some fields are taken.

Only https, or http to this machine. Redirects are not followed: they would carry secrets elsewhere.
"""

import contextlib
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httpx

from mesh import telemetry
from services.dialogue.actions.model import ActionError
from services.dialogue.policy import CallInfo

_MOST_BYTES = 262_144
_CONNECTIONS = 32
LONGEST_S = 60.0
"""No action may wait longer."""
_PLACE = re.compile(r"\{(\w+)\}")
_BODILESS = frozenset({"GET", "DELETE"})
KEY_HEADER = "Idempotency-Key"
"""Draft of the IETF HTTPAPI working group, "The Idempotency-Key HTTP Header Field"."""

HttpTransport = httpx.AsyncClient


@contextlib.asynccontextmanager
async def http_transport() -> AsyncIterator[HttpTransport]:
    """Open the connections that all actions share: at most 32 at once, one more waits within its own time limit."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=LONGEST_S, follow_redirects=False, trust_env=False) as client:
        yield client


def is_safe(url: str) -> bool:
    """Return whether what is sent there cannot be read on its way: https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class HttpAction:
    """Makes one request each time it is called.

    `{name}` in the address is filled with the argument of that name. What is left goes into the query of a GET or
    DELETE, else into a JSON object.
    """

    transport: HttpTransport = field(repr=False)
    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: Mapping[str, str] = field(default_factory=dict)
    """Which fields of the answer are taken, as paths: `slots.0.time`."""

    async def __call__(self, arguments: Mapping[str, str], call: CallInfo, /) -> Mapping[str, str]:
        """Make the request.

        Raises:
            ActionError: the other side cannot be reached, refuses, or answers something else than was declared.
        """
        missing = sorted(name for name in _PLACE.findall(self.url) if name not in arguments)
        if missing:
            raise ActionError(f"its address needs {', '.join(missing)}; give it by 'with'")
        try:
            return self._read(await self._ask(arguments, call))
        except httpx.HTTPError as error:
            raise ActionError(f"the other side could not be asked ({type(error).__name__})") from error

    async def _ask(self, arguments: Mapping[str, str], call: CallInfo) -> bytes:
        in_path = set(_PLACE.findall(self.url))
        rest = {name: value for name, value in arguments.items() if name not in in_path}
        url = _PLACE.sub(lambda match: quote(arguments[match[1]], safe=""), self.url)
        headers = {**telemetry.inject(), "Accept": "application/json", **self.headers}
        if call.action_key:
            headers[KEY_HEADER] = call.action_key
        body = {"params": rest} if self.method in _BODILESS else {"json": rest}
        async with self.transport.stream(self.method, url, headers=headers, **body) as response:  # type: ignore[arg-type]
            if not response.is_success:
                raise ActionError(f"the other side answered {response.status_code}")
            return await _limited(response)

    def _read(self, body: bytes) -> dict[str, str]:
        if not self.values:
            return {}
        try:
            document = json.loads(body)
        except ValueError as error:
            raise ActionError("the other side's answer is no JSON") from error
        return {name: found for name, path in self.values.items() if (found := _at(document, path)) is not None}


async def _limited(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_BYTES:
            raise ActionError(f"the other side's answer is longer than {_MOST_BYTES} bytes")
    return bytes(body)


def _at(document: object, path: str) -> str | None:
    """Return the value at a path; None where there is none, or null.

    Raises:
        ActionError: there is a list or an object.
    """
    found = document
    for key in path.split("."):
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    if isinstance(found, dict | list):
        raise ActionError(f"the other side's answer has no single value at {path!r}")
    if isinstance(found, bool):
        return "true" if found else "false"
    return None if found is None else str(found)
