"""A model behind the chat API that OpenAI made common: many vendors speak it, and so do vLLM, llama.cpp and Ollama."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from mesh import telemetry
from services.dialogue.llm.model import ChatModel, Finished, Message, ModelError, Piece, Tool, ToolCall, Words
from services.dialogue.llm.sse import events

_DONE = "[DONE]"
_MOST_CALLS = 8


@dataclass(frozen=True)
class Endpoint:
    """Where a model is, and how it is asked."""

    url: str
    """The API's base, `/chat/completions` comes behind it: `https://api.example.com/v1`."""
    model: str
    key: SecretStr | None = None
    max_tokens: int = 200
    temperature: float = 0.3


class OpenAiModel(ChatModel):
    """Asks by `POST {url}/chat/completions` with `stream: true`.

    Args:
        transport: the connections; whoever made them closes them.
        endpoint: where.
    """

    def __init__(self, transport: httpx.AsyncClient, endpoint: Endpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[Piece, None]:
        """Yield the answer as it comes; see `ChatModel`.

        Raises:
            ModelError: `unavailable`, `status_...`, `broken_stream`, `malformed`, `refused`, `error_in_stream`.
        """
        try:
            async with self._request(messages, tools) as response:
                _check(response)
                async for piece in _read(response.aiter_bytes()):
                    yield piece
        except httpx.TransportError as error:
            reason = "unavailable" if isinstance(error, httpx.ConnectError) else "broken_stream"
            raise ModelError(reason, f"{type(error).__name__}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelError("malformed", f"{type(error).__name__}") from error

    def _request(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Any:
        endpoint = self._endpoint
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": list(messages),
            "stream": True,
            "max_tokens": endpoint.max_tokens,
            "temperature": endpoint.temperature,
        }
        if tools:
            body |= {"tools": [tool.schema() for tool in tools], "parallel_tool_calls": False}
        headers = {**telemetry.inject(), "Accept": "text/event-stream"}
        if endpoint.key is not None and (key := endpoint.key.get_secret_value()):
            headers["Authorization"] = f"Bearer {key}"
        return self._transport.stream(
            "POST", f"{endpoint.url.rstrip('/')}/chat/completions", json=body, headers=headers
        )


def _check(response: httpx.Response) -> None:
    if not response.is_success:
        raise ModelError(f"status_{response.status_code}", "the model's server refused")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise ModelError("malformed", f"the answer is {kind or 'of no type'}, not text/event-stream")


async def _read(body: AsyncIterator[bytes]) -> AsyncGenerator[Piece, None]:
    calls, finish = _Calls(), ""
    async for data in events(body):
        if data.strip() == _DONE:
            finish = finish or "stop"
            break
        choice = _choice(data)
        delta = choice.get("delta") or {}
        if text := _text_of(delta):
            yield Words(text)
        calls.add(delta.get("tool_calls"))
        finish = choice.get("finish_reason") or finish
    if not finish:
        raise ModelError("broken_stream", "the stream ended before the answer did")
    if finish == "content_filter":
        raise ModelError("refused", "the model's server held its answer back")
    for call in calls.whole():
        yield call
    yield Finished(cut=finish == "length")


def _choice(data: str) -> dict[str, Any]:
    """Return the one choice of a chunk; empty for one without: usage figures, a sign of life."""
    try:
        chunk = json.loads(data)
    except ValueError as error:
        raise ModelError("malformed", "an event's data is no JSON") from error
    if not isinstance(chunk, dict):
        raise ModelError("malformed", "an event's data is no object")
    if chunk.get("error"):
        raise ModelError("error_in_stream", "the model's server failed meanwhile")
    choices = chunk.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise ModelError("malformed", "'choices' holds no objects")
    return choices[0] if choices else {}


def _text_of(delta: Any) -> str:
    if not isinstance(delta, dict):
        raise ModelError("malformed", "'delta' is no object")
    text = delta.get("content") or ""
    if not isinstance(text, str):
        raise ModelError("malformed", "'content' is no text")
    return text


@dataclass
class _Calls:
    """Tool calls as they come: the name first, the arguments in pieces, each by its index or its id."""

    found: dict[object, dict[str, str]] = field(default_factory=dict)
    last: object = None

    def add(self, pieces: Any) -> None:
        if pieces is None:
            return
        if not isinstance(pieces, list):
            raise ModelError("malformed", "'tool_calls' is no list")
        for piece in pieces:
            self._add(piece)

    def _add(self, piece: Any) -> None:
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            raise ModelError("malformed", "a tool call has no function")
        place = piece.get("index")
        if place is None:  # some servers number nothing: a piece with an id begins a call
            place = piece.get("id") or self.last
        self.last = place
        call = self.found.setdefault(place, {"id": "", "name": "", "arguments": ""})
        for key, value in (("id", piece.get("id")), ("name", function.get("name"))):
            call[key] = call[key] or _string(value)
        call["arguments"] += _string(function.get("arguments"))
        if len(self.found) > _MOST_CALLS:
            raise ModelError("malformed", f"more than {_MOST_CALLS} tool calls")

    def whole(self) -> list[ToolCall]:
        return [ToolCall(call["name"], call["arguments"], call["id"]) for call in self.found.values()]


def _string(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):  # Ollama's early versions sent the arguments as they are
        return json.dumps(value)
    if not isinstance(value, str):
        raise ModelError("malformed", "a tool call's part is no text")
    return value
