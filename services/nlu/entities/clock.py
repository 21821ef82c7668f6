"""Times of day in numbers: minutes since midnight and how they are written."""

_DAY = 24 * 60
_HALF_DAY = _DAY // 2


def clock(minutes: int) -> str:
    """Return minutes since midnight as "15:30"."""
    hour, minute = divmod(minutes % _DAY, 60)
    return f"{hour:02d}:{minute:02d}"


def in_half(minutes: int, *, afternoon: bool) -> int:
    """Return the time in the first or the second half of the day."""
    return minutes % _HALF_DAY + (_HALF_DAY if afternoon else 0)


def in_business_hours(minutes: int) -> tuple[int, int]:
    """Return the likelier time that a bare hour means and the other: 7 to 11 before noon, 12 to 6 after it."""
    afternoon = not 7 * 60 <= minutes % _HALF_DAY < _HALF_DAY
    return in_half(minutes, afternoon=afternoon), in_half(minutes, afternoon=not afternoon)
