"""A web server on port 0 that answers as the test says, over real HTTP."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Asked, Write], Awaitable[None]]
"""Writes the whole response, head and all; the connection is closed behind it."""


def answer(status: int, body: bytes | str, **headers: str) -> Answer:
    """Answer with a body of known length."""
    data = body.encode() if isinstance(body, str) else body

    async def write_all(_: Asked, write: Write) -> None:
        await write(head(status, {"Content-Length": str(len(data)), **headers}) + data)

    return write_all


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class WebServer:
    """Remembers what it was asked; gives its answers in their order, the last one again and again."""

    answers: list[Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client has closed a connection before its answer was complete."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            chosen = self.answers[min(len(self.asked), len(self.answers) - 1)]
            self.asked.append(asked)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(reader))
                await chosen(asked, lambda data: _write(writer, data))
                watching.cancel()
        except* (OSError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        if not await reader.read(1):
            self.gone.set()
            raise ConnectionResetError("the client is gone")


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Asked:
    top = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = top[0].split(" ")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in top[1:] if line}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


@contextlib.asynccontextmanager
async def web_server(*answers: Answer) -> AsyncIterator[WebServer]:
    """Serve on a free port of this machine."""
    made = WebServer(list(answers))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
