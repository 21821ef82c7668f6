"""Server-sent events, as much of them as streaming APIs use (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import AsyncGenerator, AsyncIterable

from services.dialogue.llm.model import ModelError

_LONGEST = 1_048_576
"""Characters of one event; more is no event of a chat."""


async def events(pieces: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """Yield each event's data. Lines may end in CR, LF or both, and may be cut anywhere, within a character too.

    Comments and fields other than `data` are passed over. An event that no blank line ended is no event.

    Raises:
        ModelError: an event without end, or no UTF-8.
    """
    data: list[str] = []
    size = 0
    async for line in _lines(pieces):
        if not line:
            if data:
                yield "\n".join(data)
            data, size = [], 0
            continue
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
            size += len(value) + 1
            if size > _LONGEST:
                raise ModelError("malformed", f"an event is longer than {_LONGEST} characters")


async def _lines(pieces: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    rest = b""
    first = True
    async for piece in pieces:
        rest += piece
        # A CR at the very end may be half a CR LF: it waits for what follows.
        held = b"\r" if rest.endswith(b"\r") else b""
        whole = rest[: len(rest) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = whole.split(b"\n")
        rest += held
        for line in lines:
            text = _decoded(line)
            yield text.removeprefix("\ufeff") if first else text
            first = False
        if len(rest) > _LONGEST:
            raise ModelError("malformed", f"a line is longer than {_LONGEST} bytes")
    if rest.endswith(b"\r"):
        yield _decoded(rest[:-1])


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ModelError("malformed", "the stream is no UTF-8") from error
