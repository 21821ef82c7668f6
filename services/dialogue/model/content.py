"""What was said, kept apart from the events that tell of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """Where a transcript or a piece of audio lies: what `voicemesh.common.v1.ContentReference` says."""

    uri: str
    sha256: str
    media_type: str
    size: int
    turn_id: str = ""
    """The turn it is of; empty: the whole call."""
