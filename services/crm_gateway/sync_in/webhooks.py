"""The door for webhooks: `POST /webhooks/{vendor}`. What it answers with 2xx is on disk.

| answer | when |
| --- | --- |
| 200 | taken in, now or before |
| 400, 401, 403 | a header is missing, unreadable or too long; no signature fits; it was signed too long ago |
| 404, 405 | no business system of this process; another method than POST |
| 413, 415, 422 | more than a megabyte; no JSON; not what the business system sends |
| 503 | the database does not answer, or too many ask at once: send it again |
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mesh import logs
from services.crm_gateway import metrics
from services.crm_gateway.standard_webhooks import WebhookError, verify
from services.crm_gateway.sync_in.model import ChangeSource, OwnSignatures, UnreadableChangeError, VendorChange

BODY_LIMIT = 1_000_000
ID_LIMIT = 256
"""Characters of a message's id."""
_RETRY_AFTER_S = 2
_log = logs.get_logger(__name__)


class Takes(Protocol):
    """Takes in what webhooks say; `adapters/change_intake.py` says more."""

    async def take_webhook(self, webhook_id: str, changes: Sequence[VendorChange]) -> bool:
        """Take it in; False: it was before."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A business system that sends webhooks."""

    source: ChangeSource
    intake: Takes
    keys: Sequence[bytes]
    """Any of which may have signed: while a key is being changed there are two."""


class _RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def application(senders: Sequence[Sender], now_s: Callable[[], float] = time.time) -> Starlette:
    """Return the ASGI application.

    Args:
        now_s: seconds since 1970.
    """
    known = {sender.source.name: sender for sender in senders}

    async def receive(request: Request) -> Response:
        vendor = request.path_params["vendor"]
        sender = known.get(vendor)
        try:
            result = await _receive(sender, request, now_s())
        except _RefusedError as refused:
            # The name in the address is the sender's choice: it must not become a label.
            metrics.WEBHOOKS.labels(vendor if sender else "unknown", refused.status).inc()
            _log.warning("crm_sync.webhook_refused", status=refused.status, reason=str(refused))
            headers = {"retry-after": str(_RETRY_AFTER_S)} if refused.status == 503 else None
            return JSONResponse({"error": str(refused)}, refused.status, headers)
        metrics.WEBHOOKS.labels(vendor, 200).inc()
        return JSONResponse({"result": result})

    return Starlette(routes=[Route("/webhooks/{vendor}", receive, methods=["POST"])])


async def _receive(sender: Sender | None, request: Request, now_s: float) -> str:
    if sender is None:
        raise _RefusedError(404, "webhooks of that business system are not taken in here; check the address")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise _RefusedError(415, "the body is to be JSON: send the header content-type: application/json")
    body = await _body(request)
    try:
        source = sender.source
        check = source.verify if isinstance(source, OwnSignatures) else verify
        webhook_id = check(sender.keys, request.headers, body, now_s)
    except WebhookError as error:
        raise _RefusedError(error.status, str(error)) from None
    if not 0 < len(webhook_id) <= ID_LIMIT:
        raise _RefusedError(400, f"the message's id has {len(webhook_id)} characters; from 1 to {ID_LIMIT} are taken")
    try:
        changes = sender.source.parse(request.headers, body)
    except UnreadableChangeError as error:
        metrics.CHANGES.labels(sender.source.name, "unknown", "refused").inc()
        raise _RefusedError(422, str(error)) from None
    try:
        news = await sender.intake.take_webhook(webhook_id, changes)
    except (SQLAlchemyError, OSError) as error:
        _log.warning("crm_sync.no_store", error=type(error).__name__)
        raise _RefusedError(503, "it could not be written down; send it again") from None
    return "taken" if news else "known"


async def _body(request: Request) -> bytes:
    """Read the body, no more than the limit of it."""
    too_large = _RefusedError(413, f"the body is larger than {BODY_LIMIT} bytes")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_LIMIT:
        raise too_large
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > BODY_LIMIT:
                raise too_large
    except ClientDisconnect:
        raise _RefusedError(400, "the body ended before its end") from None
    return bytes(body)
