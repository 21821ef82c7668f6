"""When another stream is refused, and how streams share the detector."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mesh.executor import InferenceExecutor
from services.asr.detector import Detector
from services.asr.load import Budget, Load
from services.asr.vad import Chunker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.asr.model import Samples
    from services.asr.vad import VadState


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(load: Load, clock: Clock, *seconds: float) -> None:
    for wait in seconds:
        clock.now += 0.1
        load.waited(wait)


def test_a_few_long_waits_say_nothing() -> None:
    clock = Clock()
    load = Load(0.2, clock)
    waits(load, clock, 1.0, 1.0, 1.0, 1.0)
    assert not load.full


def test_long_waits_close_the_door_until_they_are_short_again() -> None:
    clock = Clock()
    load = Load(0.2, clock)
    waits(load, clock, *[0.25] * 10)
    assert load.full
    waits(load, clock, *[0.1] * 10)
    assert load.full, "0.175 s are less than the limit and more than half of it"
    waits(load, clock, *[0.01] * 30)
    assert not load.full


def test_what_was_long_ago_counts_no_more() -> None:
    clock = Clock()
    load = Load(0.2, clock)
    waits(load, clock, *[1.0] * 10)
    assert load.full
    clock.now += 6
    assert not load.full


def test_partial_transcripts_take_no_more_than_their_share() -> None:
    clock = Clock()
    budget = Budget(0.25, clock)
    assert budget.take()
    assert not budget.take(), "one at a time"
    clock.now += 0.1
    budget.spent(0.1)
    clock.now += 0.29
    assert not budget.take()
    clock.now += 0.02
    assert budget.take(), "four tenths of a second after the first began"
    # It was given up and said nothing: the next one waits as long as before.
    clock.now += 0.39
    assert not budget.take()
    clock.now += 0.02
    assert budget.take()


class Model:
    """Counts the streams of each run; the first run lasts until it is let go."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go = threading.Event()

    def run(self, states: Sequence[VadState], chunks: Sequence[Samples]) -> Samples:
        self.batches.append(len(states))
        self.go.wait(30)
        return np.array([chunk[0] for chunk in chunks], np.float32)


def voice(value: float) -> Samples:
    return np.full(512, value, np.float32)


async def begun(model: Model) -> None:
    while not model.batches:
        await asyncio.sleep(0.001)


async def test_what_comes_while_the_detector_works_shares_its_next_run() -> None:
    model = Model()
    async with InferenceExecutor(1, 16) as executor, asyncio.TaskGroup() as tasks:
        detector = Detector(model, executor)  # type: ignore[arg-type]
        first = tasks.create_task(detector.hear(Chunker(), voice(0.1)))
        await begun(model)
        others = [tasks.create_task(detector.hear(Chunker(), voice(value))) for value in (0.2, 0.3, 0.4)]
        await asyncio.sleep(0)
        model.go.set()
        found = [(await task)[0].probability for task in (first, *others)]
    assert model.batches == [1, 3]
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4])


async def test_a_stream_that_is_cancelled_costs_the_others_nothing() -> None:
    model = Model()
    async with InferenceExecutor(1, 16) as executor, asyncio.TaskGroup() as tasks:
        detector = Detector(model, executor)  # type: ignore[arg-type]
        first = tasks.create_task(detector.hear(Chunker(), voice(0.1)))
        await begun(model)
        second = tasks.create_task(detector.hear(Chunker(), voice(0.2)))
        third = tasks.create_task(detector.hear(Chunker(), voice(0.3)))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        model.go.set()
        assert (await third)[0].probability == pytest.approx(0.3)


async def test_less_than_a_chunk_needs_no_run() -> None:
    async with InferenceExecutor(1, 16) as executor:
        model = Model()
        assert await Detector(model, executor).hear(Chunker(), voice(0.1)[:100]) == []  # type: ignore[arg-type]
        assert model.batches == []


async def test_spare_work_waits_for_a_free_thread_and_takes_one_at_most() -> None:
    go, running, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(30)
        with lock:
            running -= 1

    async with InferenceExecutor(2, 16) as executor, asyncio.TaskGroup() as tasks:
        spare = [tasks.create_task(executor.run_spare(work)) for _ in range(3)]
        while not running:
            await asyncio.sleep(0.001)
        assert executor.in_progress == 1, "the other thread is free for those who are waited for"
        calls = [tasks.create_task(executor.run(work)) for _ in range(2)]
        await asyncio.sleep(0)
        assert executor.in_progress == 3
        go.set()
        await asyncio.gather(*calls, *spare)
    assert most <= 2
