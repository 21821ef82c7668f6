"""Between protobuf's Duration and Timestamp and Python's seconds and datetimes."""

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def to_duration(seconds: float) -> Duration:
    """Return a Duration of `seconds`, exact to the microsecond."""
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1e6))
    return duration


def seconds(duration: Duration) -> float:
    """Return a Duration's length in seconds."""
    return duration.seconds + duration.nanos / 1e9


def to_timestamp(moment: datetime) -> Timestamp:
    """Return an aware datetime as a Timestamp.

    Raises:
        ValueError: when `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    timestamp = Timestamp()
    timestamp.FromDatetime(moment.astimezone(UTC))
    return timestamp


def to_datetime(timestamp: Timestamp) -> datetime:
    """Return a Timestamp as an aware datetime in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)
