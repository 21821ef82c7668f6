"""The bounded queue that can be closed."""

from __future__ import annotations

import asyncio

import pytest

from voicemesh_client.queues import ClosableQueue, Closed


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_full_queue_lets_put_wait_and_refuses_offers() -> None:
    queue: ClosableQueue[int] = ClosableQueue(2)
    assert await queue.offer(1)
    await queue.put(2)
    assert not await queue.offer(3)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(queue.put(3))
        await settle()
        assert not waiting.done()
        assert await queue.get() == 1
    assert [await queue.get(), await queue.get()] == [2, 3]


async def test_closing_sends_writers_away_and_lets_readers_finish() -> None:
    queue: ClosableQueue[int] = ClosableQueue(1)
    await queue.put(1)
    results = []

    async def put() -> None:
        with pytest.raises(Closed):
            await queue.put(2)
        results.append("sent away")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(put())
        await settle()
        await queue.close()
    assert queue.closed
    assert results == ["sent away"]
    assert await queue.get() == 1
    with pytest.raises(Closed):
        await queue.get()
    with pytest.raises(Closed):
        await queue.offer(3)


async def test_closing_wakes_a_waiting_reader() -> None:
    queue: ClosableQueue[int] = ClosableQueue(1)
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(_ended(queue))
        await settle()
        await queue.close()
    assert reader.result()


async def _ended(queue: ClosableQueue[int]) -> bool:
    with pytest.raises(Closed):
        await queue.get()
    return True


async def test_a_discarding_queue_is_never_full() -> None:
    queue: ClosableQueue[int] = ClosableQueue(1)
    await queue.put(1)
    await queue.discard()
    for number in range(5):
        await queue.put(number)
    assert len(queue) == 0
