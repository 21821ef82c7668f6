"""The simulated business system's HTTP interface."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.crm_gateway.simulator.items import SHAPES, Batch, ItemIn, Search, TicketIn
from services.crm_gateway.simulator.model import KINDS, Fault, Faults, Kind, System
from services.crm_gateway.simulator.webhooks import Target, Webhooks

_PAGE = 100


class Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Promise a body and send none: the server then closes the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


def application(system: System) -> Starlette:
    """Return the ASGI application of a system.

    ``POST /oauth/token``; with its token ``POST`` and ``GET /contacts``, ``/tickets``, ``/deals`` (``external_id``,
    or pages by ``cursor``), ``GET`` and ``PATCH`` of one of them by its id, ``GET /changes?cursor=``, ``POST
    /tickets/batch`` and ``/tickets/search``. What is made may come with an ``Idempotency-Key``; it counts where the
    system is idempotent. For tests ``PUT /simulator/faults``, ``PUT /simulator/webhooks`` and
    ``GET /simulator/counts``.
    """
    webhooks = Webhooks(system)

    async def token(_: Request) -> Response:
        # Form fields are not read: whoever asks gets a token.
        system.requests["token"] += 1
        return JSONResponse({"access_token": system.new_token(), "expires_in": system.faults.token_s})

    async def faults(request: Request) -> Response:
        try:
            system.misbehave(Faults.model_validate_json(await request.body()))
        except ValidationError as error:
            return _refused(error)
        return JSONResponse(system.faults.model_dump())

    async def target(request: Request) -> Response:
        try:
            webhooks.tell(Target.model_validate_json(await request.body()))
        except ValidationError as error:
            return _refused(error)
        except ValueError as error:
            return JSONResponse({"error": f"secret: {error}"}, 422)
        return JSONResponse({})

    async def counts(_: Request) -> Response:
        return JSONResponse(system.counts())

    async def changes(request: Request) -> Response:
        system.requests["GET changes"] += 1
        return _changed(system, request)

    return Starlette(
        lifespan=_sending(webhooks),
        routes=[
            Route("/oauth/token", token, methods=["POST"]),
            Route("/simulator/faults", faults, methods=["PUT"]),
            Route("/simulator/webhooks", target, methods=["PUT"]),
            Route("/simulator/counts", counts),
            Route("/changes", _guarded(system, changes)),
            *_many(system),
            *(route for kind in KINDS for route in _resource(system, kind)),
        ],
    )


def _sending(webhooks: Webhooks) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def sending(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(webhooks.run())
            yield
            sender.cancel()

    return sending


def _resource(system: System, kind: Kind) -> tuple[Route, Route]:
    async def all_of_them(request: Request) -> Response:
        system.requests[f"{request.method} {kind}"] += 1
        return _listed(system, kind, request) if request.method == "GET" else await _made(system, kind, request)

    async def one(request: Request) -> Response:
        system.requests[f"{request.method} one of {kind}"] += 1
        return await _one(system, kind, request)

    return (
        Route(f"/{kind}", _guarded(system, all_of_them), methods=["GET", "POST"]),
        Route(f"/{kind}/{{id}}", _guarded(system, one), methods=["GET", "PATCH"]),
    )


def _many(system: System) -> tuple[Route, Route]:
    async def batch(request: Request) -> Response:
        """Take tickets, each by itself: `results` says of each its id, or what is wrong with it."""
        system.requests["POST tickets/batch"] += 1
        try:
            items = Batch.model_validate_json(await request.body()).items
        except ValidationError as error:
            return _refused(error)
        return JSONResponse({"results": [_taken(system, item) for item in items]})

    async def search(request: Request) -> Response:
        system.requests["POST tickets/search"] += 1
        try:
            wanted = Search.model_validate_json(await request.body()).external_ids
        except ValidationError as error:
            return _refused(error)
        return JSONResponse({"items": [item for each in wanted for item in system.find("tickets", each)]})

    return (
        Route("/tickets/batch", _guarded(system, batch), methods=["POST"]),
        Route("/tickets/search", _guarded(system, search), methods=["POST"]),
    )


def _taken(system: System, sent: dict[str, Any]) -> dict[str, Any]:
    item = dict(sent)
    key = str(item.pop("idempotency_key", ""))
    try:
        ticket = TicketIn.model_validate(item).model_dump()
    except ValidationError as error:
        return {"errors": error.errors(include_url=False, include_input=False)}
    return {"id": system.add("tickets", ticket, key)["id"]}


Handler = Callable[[Request], Awaitable[Response]]


def _guarded(system: System, handle: Handler) -> Handler:
    """Check the token, and misbehave."""

    async def guarded(request: Request) -> Response:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not system.knows(value):
            return JSONResponse({"error": "the token is unknown or too old"}, 401)
        await asyncio.sleep(system.faults.slow_s)
        fault = system.fault()
        if fault is not None:
            system.requests[fault] += 1
            return await _misbehave(system, fault, handle, request)
        return await handle(request)

    return guarded


async def _misbehave(system: System, fault: Fault, handle: Handler, request: Request) -> Response:
    match fault:
        case "busy":
            headers = {"retry-after": f"{system.faults.retry_after_s:g}"}
            return JSONResponse({"error": "too many requests"}, 429, headers)
        case "broken":
            return JSONResponse({"error": "something is broken"}, 500)
        case "hangs":
            await asyncio.sleep(system.faults.hang_s)
            return JSONResponse({"error": "it took too long"}, 504)
        case "drops_request":
            return Dropped()
        case "drops_answer":
            await handle(request)
            return Dropped()
        case "late":
            # Read before whoever asked is gone: what came whole is done.
            await request.body()
            await asyncio.sleep(system.faults.late_s)
            await handle(request)
            return Dropped()


def _listed(system: System, kind: Kind, request: Request) -> Response:
    external_id = request.query_params.get("external_id")
    if external_id is not None:
        return JSONResponse({"items": system.find(kind, external_id)})
    items: list[dict[str, Any]] = getattr(system, kind)
    cursor = request.query_params.get("cursor", "0")
    if not cursor.isdecimal():
        return JSONResponse({"error": f"there is no cursor {cursor!r}"}, 422)
    end = int(cursor) + _PAGE
    return JSONResponse({"items": items[int(cursor) : end], "next": str(end) if end < len(items) else None})


def _changed(system: System, request: Request) -> Response:
    """Answer with a page of changes; `next` asks for what comes behind, `more` says whether there is some already."""
    cursor = request.query_params.get("cursor") or "0"
    try:
        items, end = system.changes(int(cursor), _PAGE)
    except ValueError:
        return JSONResponse({"error": f"there is no cursor {cursor!r}"}, 422)
    return JSONResponse({"items": items, "next": str(end), "more": len(items) == _PAGE})


async def _made(system: System, kind: Kind, request: Request) -> Response:
    shape: type[ItemIn] = SHAPES[kind][0]
    try:
        item = shape.model_validate_json(await request.body()).model_dump()
    except ValidationError as error:
        return _refused(error)
    return JSONResponse(system.add(kind, item, request.headers.get("idempotency-key", "")), 201)


async def _one(system: System, kind: Kind, request: Request) -> Response:
    """Answer with an item, changed before where it is asked for."""
    item = system.get(kind, request.path_params["id"])
    if item is None:
        return JSONResponse({"error": f"there is nothing of that id in {kind}"}, 404)
    if request.method == "PATCH":
        try:
            values = SHAPES[kind][1].model_validate_json(await request.body()).model_dump(exclude_unset=True)
        except ValidationError as error:
            return _refused(error)
        item = system.edit(kind, item["id"], values)
    return JSONResponse(item)


def _refused(error: ValidationError) -> Response:
    return JSONResponse({"errors": error.errors(include_url=False, include_input=False)}, 422)
