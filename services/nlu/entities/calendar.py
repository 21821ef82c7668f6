"""Days of the calendar, as spoken dates need them; today is always the speaker's."""

from datetime import date, timedelta

from dateutil.relativedelta import relativedelta


def built(year: int, month: int, day: int) -> date | None:
    """Return a day, or None where the calendar has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def next_month_day(month: int, number: int, today: date) -> date | None:
    """Return the month's day on or after today; 29 February waits for its year."""
    years = (today.year + ahead for ahead in range(5))
    return next((day for year in years if (day := built(year, month, number)) and day >= today), None)


def next_days(number: int, today: date) -> list[date]:
    """Return the days of that number on or after today, in the twelve months to come."""
    months = (today.replace(day=1) + relativedelta(months=ahead) for ahead in range(12))
    return [day for month in months if (day := built(month.year, month.month, number)) and day >= today]


def coming(weekday: int, today: date) -> date:
    """Return the next such weekday (Monday is 0) after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def monday_of(today: date) -> date:
    """Return the Monday of today's week."""
    return today - timedelta(days=today.weekday())


def shifted(today: date, *, days: int = 0, weeks: int = 0, months: int = 0) -> date:
    """Return the day so far from today; a month that has no such day ends earlier."""
    return today + relativedelta(days=days, weeks=weeks, months=months)


def next_month(month: int, today: date) -> date:
    """Return the first day of that month: of this year, or of the next where the month is over."""
    return date(today.year + (month < today.month), month, 1)


def century(year: int, today: date) -> int:
    """Return the year that two digits stand for: the one nearest to now of those at most ten years ahead."""
    near = today.year - today.year % 100 + year
    return near - 100 if near > today.year + 10 else near


def end_of_month(day: date) -> date:
    """Return the last day of a day's month."""
    return day + relativedelta(day=31)


def nth_weekday(weekday: int, nth: int, month: date) -> date | None:
    """Return the nth such weekday of a day's month, None where it has no fifth; -1 is the last, -2 the one before."""
    if nth < 0:
        last = end_of_month(month)
        return last - timedelta(days=(last.weekday() - weekday) % 7 - 7 * (nth + 1))
    first = month.replace(day=1)
    day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
    return day if day.month == month.month else None
