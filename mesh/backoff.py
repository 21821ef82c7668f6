"""How long to wait before trying again."""

import random


def backoff_s(attempt: int, *, first_s: float, limit_s: float) -> float:
    """Give the wait before retry number ``attempt`` (from 1), in seconds: doubling, capped, with jitter.

    The jitter takes up to half off, so that those who failed together do not come back together.
    """
    whole: float = min(limit_s, first_s * 2 ** min(attempt - 1, 30))
    return whole * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing
