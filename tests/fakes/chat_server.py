"""Answers as a server of the OpenAI-compatible chat API gives them, good and bad, for `fakes.web_server`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fakes.web_server import Answer, Asked, Write, head

EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}
DONE = "data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None) -> str:
    """One chunk as an event."""
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}]}
    return f"data: {json.dumps(body)}\n\n"


def words(*pieces: str, finish: str = "stop") -> list[str]:
    """An answer of words."""
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in pieces),
        chunk(finish=finish),
        DONE,
    ]


def call(name: str, *arguments: str, say: str = "", key: str = "call_1") -> list[str]:
    """An answer that calls a tool; its arguments come in pieces."""
    first = {"index": 0, "id": key, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in arguments]
    return [
        *([chunk({"content": say})] if say else []),
        chunk({"tool_calls": [first]}),
        *(chunk({"tool_calls": [piece]}) for piece in rest),
        chunk(finish="tool_calls"),
        DONE,
    ]


def streams(events: Sequence[str | bytes | asyncio.Event], headers: dict[str, str] | None = None) -> Answer:
    """Write these one after another; wait where there is an event to wait for. Then the connection is closed."""

    async def write_all(_: Asked, write: Write) -> None:
        await write(head(200, EVENTS if headers is None else headers))
        for event in events:
            if isinstance(event, asyncio.Event):
                await event.wait()
            else:
                await write(event.encode() if isinstance(event, str) else event)

    return write_all


def then(events: Callable[[Asked], Sequence[str]]) -> Answer:
    """Answer by what was asked."""

    async def write_all(asked: Asked, write: Write) -> None:
        await streams(events(asked))(asked, write)

    return write_all


async def cut(text: str, size: int) -> AsyncIterator[bytes]:
    """The bytes of a text in pieces of a size."""
    data = text.encode()
    for place in range(0, len(data), size):
        yield data[place : place + size]
