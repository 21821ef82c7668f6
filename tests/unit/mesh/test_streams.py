"""`respond` yields what is sent, raises what failed, and leaves no task."""

import asyncio
import contextlib

import pytest

from mesh.streams import respond


async def test_all_that_was_sent_comes_before_the_end():
    async def run(send):
        for number in range(200):
            await send(number)

    assert [m async for m in respond(run, capacity=3)] == list(range(200))


async def test_an_error_comes_after_what_was_sent_before_it():
    async def run(send):
        await send(1)
        await send(2)
        raise KeyError("late")

    responses = respond(run)
    assert [await anext(responses), await anext(responses)] == [1, 2]
    with pytest.raises(KeyError, match="late"):
        await anext(responses)


async def test_a_full_queue_makes_the_sender_wait():
    sent = []

    async def run(send):
        for number in range(10):
            await send(number)
            sent.append(number)

    async with contextlib.aclosing(respond(run, capacity=2)) as responses:
        assert await anext(responses) == 0
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(sent) <= 4
        assert [m async for m in responses] == list(range(1, 10))


async def test_closing_early_cancels_the_work_and_waits_for_it():
    cleaned = []

    async def run(send):
        try:
            while True:
                await send(1)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    before = len(asyncio.all_tasks())
    async with contextlib.aclosing(respond(run, capacity=1)) as responses:
        await anext(responses)
    assert cleaned == [True]
    assert len(asyncio.all_tasks()) == before
