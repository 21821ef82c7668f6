"""Inference leaves the loop, in bounded numbers."""

import asyncio
import threading

import pytest

from mesh.errors import ErrorReason, MeshError
from mesh.executor import InferenceExecutor


async def test_the_loop_goes_on_while_something_is_computed():
    """The computation waits for the loop: on the loop itself it would wait for ever."""
    begun, go_on = threading.Event(), threading.Event()

    def compute() -> str:
        begun.set()
        assert go_on.wait(30)
        return "done"

    async with InferenceExecutor(1, 1) as executor, asyncio.TaskGroup() as tasks:
        result = tasks.create_task(executor.run(compute))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        assert not executor.idle
        go_on.set()
        assert await result == "done"


async def test_one_too_many_is_refused_and_a_cancelled_wait_frees_its_place():
    go_on = threading.Event()
    async with InferenceExecutor(1, 1) as executor, asyncio.TaskGroup() as tasks:
        tasks.create_task(executor.run(go_on.wait, 30))
        waiting = tasks.create_task(executor.run(go_on.wait, 30))
        while executor.in_progress < 2:
            await asyncio.sleep(0)
        with pytest.raises(MeshError, match="try again") as caught:
            await executor.run(go_on.wait, 30)
        assert caught.value.reason == ErrorReason.ERROR_REASON_OVERLOADED
        waiting.cancel()
        while executor.in_progress > 1:
            await asyncio.sleep(0.001)
        tasks.create_task(executor.run(go_on.wait, 30))
        await asyncio.sleep(0)
        go_on.set()


async def test_what_the_computation_raises_reaches_the_caller():
    async with InferenceExecutor(1, 0) as executor:
        with pytest.raises(ZeroDivisionError):
            await executor.run(lambda: 1 // 0)
        while executor.in_progress:
            await asyncio.sleep(0.001)
        assert executor.idle
