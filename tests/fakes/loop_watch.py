"""Finds what keeps the event loop from its other work."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class LoopWatch:
    """Processor seconds of the longest steps of the loop: what the loop itself computed, however busy the machine."""

    steps: list[tuple[float, str]] = field(default_factory=list)

    def longest(self) -> tuple[float, str]:
        return max(self.steps, default=(0.0, ""))


@contextlib.contextmanager
def watched_loop() -> Iterator[LoopWatch]:
    """Watch the loops of this thread while the context lasts."""
    watch = LoopWatch()
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        watch.steps.append((time.thread_time() - began, repr(handle)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", timed)
        yield watch
