"""How long to wait between attempts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_DELAY_S = 0.02
LONGEST_DELAY_S = 1.0


def delays(
    rng: random.Random | None = None, *, first_s: float = FIRST_DELAY_S, longest_s: float = LONGEST_DELAY_S
) -> Iterator[float]:
    """Seconds to wait before each attempt, without end: none before the first, then longer and longer.

    The ceiling doubles from `first_s` to `longest_s`; each delay is drawn between half of it and the whole, so
    that the clients of an instance that died do not come back in step.
    """
    draw = rng or random.SystemRandom()
    yield 0.0
    ceiling = first_s
    while True:
        yield draw.uniform(ceiling / 2, ceiling)
        ceiling = min(longest_s, ceiling * 2)
