"""The line between a session and its client: what was lost with a connection is made good, once."""

import asyncio

import pytest
from fakes.virtual_time import run
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import MeshError
from services.dialogue import model
from services.dialogue.line import Line


def said(number: int) -> model.AgentBegins:
    return model.AgentBegins(f"a{number}", "", "words")


class Client:
    """Takes what is sent to it, until it has had so much."""

    def __init__(self, limit: int | None = None) -> None:
        self.heard: list[int] = []
        self._limit = limit

    async def send(self, output: model.SessionOutput, sequence: int) -> None:
        if self._limit is not None and len(self.heard) >= self._limit:
            await asyncio.Event().wait()
        assert output == said(sequence)
        self.heard.append(sequence)


async def pumping(line: Line, client: Client, after: int | None, seconds: float) -> None:
    ticket = line.attach(after)
    try:
        async with asyncio.timeout(seconds):
            await line.pump(client.send, ticket)
    except TimeoutError:
        line.detach(ticket)


def test_what_was_said_while_nobody_was_there_is_sent_to_who_comes_back():
    async def test() -> None:
        line, first, second = Line(30), Client(), Client()
        for number in range(3):
            await line.emit(said(number))
        await pumping(line, first, None, 1)
        for number in range(3, 6):
            await line.emit(said(number))
        line.close()
        await line.pump(second.send, line.attach(1))
        assert (first.heard, second.heard) == ([0, 1, 2], [2, 3, 4, 5])

    run(test())


def test_a_slow_client_is_waited_for_and_one_that_is_gone_is_not():
    async def test() -> None:
        line, slow = Line(30), Client(limit=10)

        async def talk() -> None:
            for number in range(200):
                await line.emit(said(number))

        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(pumping(line, slow, None, 5))
            await asyncio.sleep(0)
            talking = tasks.create_task(talk())
            await asyncio.sleep(1)
            assert line.next_sequence <= 10 + 64
            assert not talking.done()
            await pump
            await talking
        assert line.next_sequence == 200

    run(test())


def test_a_newer_connection_takes_the_line():
    async def test() -> None:
        line, old, new = Line(30), Client(), Client()
        ticket = line.attach(None)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(line.pump(old.send, ticket))
            await line.emit(said(0))
            await asyncio.sleep(0)
            newer = line.attach(0)
            assert not await pump
            line.detach(ticket)
            assert line.attached, "the old connection's end is not the new one's"
            assert not await line.take(model.CallerText("late"), 1, ticket)
            await line.emit(said(1))
            line.close()
            assert await line.pump(new.send, newer)
        assert (old.heard, new.heard) == ([0], [1])

    run(test())


@pytest.mark.parametrize("after", [None, 3, 30])
def test_what_is_no_longer_kept_cannot_be_resumed(after: int | None):
    async def test() -> None:
        line = Line(30)
        for number in range(10):
            await line.emit(said(number))
        await asyncio.sleep(31)
        for number in range(10, 20):
            await line.emit(said(number))
        with pytest.raises(MeshError, match="no longer there"):
            line.attach(after)
        line.attach(9)

    run(test())


def test_what_is_kept_is_bounded():
    async def test() -> None:
        line = Line(30)
        for _ in range(100):
            await line.emit(model.AgentAudio("a1", bytes(100_000), 0.0))
        with pytest.raises(MeshError):
            line.attach(50)
        line.attach(98)

    run(test())


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(0, 12), max_size=8), back=st.lists(st.integers(0, 5), min_size=8, max_size=8))
def test_audio_and_requests_arrive_once_and_in_order_however_often_the_connection_breaks(
    cuts: list[int], back: list[int]
):
    async def test() -> None:
        line, audio, texts = Line(30), 0, 0
        got: list[model.CallerInput] = []

        async def session() -> None:
            async for item in line.inputs():
                got.append(item)  # noqa: PERF401 - it never ends

        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(session())
            for count, again in zip(cuts, back, strict=False):
                ticket = line.attach(None)
                # The client does not know what arrived: it begins earlier.
                for number in range(max(0, audio - again), audio + count):
                    await line.take(model.CallerAudio(b"", number), 0, ticket)
                for number in range(max(0, texts - again), texts + count):
                    await line.take(model.CallerText(str(number)), number + 1, ticket)
                audio, texts = audio + count, texts + count
                line.detach(ticket)
            await asyncio.sleep(1)
            hearing.cancel()
        assert [item.sequence for item in got if isinstance(item, model.CallerAudio)] == list(range(audio))
        assert [item.what.text for item in got if isinstance(item, model.Request)] == [str(n) for n in range(texts)]

    run(test())
