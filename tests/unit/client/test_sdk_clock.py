"""Audio that is there already is sent at the pace of speech."""

from __future__ import annotations

import asyncio

import pytest

from voicemesh_client.clock import MonotonicClock, Pacer


async def test_late_wake_ups_do_not_add_up(clock) -> None:
    pacer = Pacer(clock)
    released = []

    async def play() -> None:
        for _ in range(100):
            await pacer.pass_by(0.02)
            released.append(clock.now())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(play())
        # Every wake-up is late by up to a third of a frame.
        for _ in range(300):
            await clock.advance(0.0067)
        await clock.advance(0.1)
    for number, moment in enumerate(released, start=1):
        assert 0.02 * number <= moment - 100.0 + 1e-9 <= 0.02 * number + 0.0067


async def test_after_a_pause_the_count_begins_anew(clock) -> None:
    pacer = Pacer(clock)
    assert pacer.begin() == 100.0
    await clock.advance(0.3)
    assert pacer.begin() == 100.0, "within the slack, what is late is caught up"
    await clock.advance(0.3)
    assert pacer.begin() == pytest.approx(100.6)
    pacer.restart()
    await clock.advance(0.1)
    assert pacer.begin() == pytest.approx(100.7)


async def test_the_monotonic_clock_gives_others_a_turn() -> None:
    clock = MonotonicClock()
    before = clock.now()
    await clock.sleep(-1)
    assert clock.now() >= before
