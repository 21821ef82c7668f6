"""The latency of a turn, stage by stage, as one line."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from voicemesh_client.events import TurnLatency

# In the order in which they pass: (field of TurnLatency, word, colour).
STAGES = (
    ("endpointing", "silence", "bright_black"),
    ("transcription", "words", "cyan"),
    ("understanding", "meaning", "green"),
    ("policy", "reply", "magenta"),
    ("synthesis", "voice", "yellow"),
)


def stage_line(latency: TurnLatency, width: int = 24) -> Text:
    """A bar of `width` characters, shared by the stages as they share the time, and their lengths in words."""
    seconds = [getattr(latency, name) for name, _, _ in STAGES]
    whole = sum(seconds) or 1.0
    # Rounded at the joints, not one by one: the bar is always as long as it should be.
    joints = [round(width * done / whole) for done in accumulate(seconds, initial=0.0)]
    line = Text(f"{latency.total * 1000:.0f} ms ", style="bold")
    for (_, _, colour), start, end in zip(STAGES, joints, joints[1:], strict=False):
        line.append("█" * (end - start), style=colour)
    for (_, word, colour), length in zip(STAGES, seconds, strict=True):
        line.append(f"  {word} ", style="dim").append(f"{length * 1000:.0f}", style=colour)
    return line
