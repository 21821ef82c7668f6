"""The simulated business system's HTTP interface."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.crm_gateway.simulator.model import Fault, Faults, System

_PAGE = 100


class ContactIn(BaseModel):
    """A contact as it is sent."""

    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=128)
    name: str = Field("", max_length=200)
    phones: list[str] = []
    emails: list[str] = []


class TicketIn(BaseModel):
    """A ticket as it is sent."""

    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=128)
    contact_id: str | None = None
    kind: str = Field(min_length=1, max_length=64)
    state: str = "applied"
    title: str = Field(max_length=500)
    fields: dict[str, str] = {}
    occurred_at: str = ""


class Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Promise a body and send none: the server then closes the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


def application(system: System) -> Starlette:
    """Return the ASGI application of a system.

    ``POST /oauth/token``; with its token ``POST`` and ``GET /contacts``, ``/tickets`` (``external_id``, or pages by
    ``cursor``); for tests ``PUT /simulator/faults`` and ``GET /simulator/counts``.
    """

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

    async def counts(_: Request) -> Response:
        return JSONResponse(system.counts())

    def resource(kind: Literal["contacts", "tickets"], shape: type[BaseModel]) -> Route:
        async def handle(request: Request) -> Response:
            system.requests[f"{request.method} {kind}"] += 1
            return (
                _listed(system, kind, request) if request.method == "GET" else await _made(system, kind, shape, request)
            )

        return Route(f"/{kind}", _guarded(system, handle), methods=["GET", "POST"])

    return Starlette(
        routes=[
            Route("/oauth/token", token, methods=["POST"]),
            Route("/simulator/faults", faults, methods=["PUT"]),
            Route("/simulator/counts", counts),
            resource("contacts", ContactIn),
            resource("tickets", TicketIn),
        ]
    )


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


def _listed(system: System, kind: Literal["contacts", "tickets"], request: Request) -> Response:
    external_id = request.query_params.get("external_id")
    if external_id is not None:
        return JSONResponse({"items": system.find(kind, external_id)})
    items: list[dict[str, Any]] = getattr(system, kind)
    cursor = request.query_params.get("cursor", "0")
    if not cursor.isdecimal():
        return JSONResponse({"error": f"there is no cursor {cursor!r}"}, 422)
    end = int(cursor) + _PAGE
    return JSONResponse({"items": items[int(cursor) : end], "next": str(end) if end < len(items) else None})


async def _made(
    system: System, kind: Literal["contacts", "tickets"], shape: type[BaseModel], request: Request
) -> Response:
    try:
        item = shape.model_validate_json(await request.body()).model_dump()
    except ValidationError as error:
        return _refused(error)
    return JSONResponse(system.add(kind, item), 201)


def _refused(error: ValidationError) -> Response:
    return JSONResponse({"errors": error.errors(include_url=False, include_input=False)}, 422)
