"""A turn as the benches count it."""

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corpus import Caller

    from voicemesh_cli.caller import CallReport

LATE_MS = 1_000
STAGES = ("endpointing", "transcription", "understanding", "policy", "synthesis", "total")


@dataclass
class Row:
    """A turn of a caller: times in milliseconds after the last voiced sample.

    `first_audio_ms` is None where no answer came. `cut_off`: the agent's audio came while the caller was still to
    speak on.
    """

    recording: str
    index: int
    spoken: str
    first_audio_ms: float | None
    cut_off: bool
    heard: str = ""
    telephone: bool = False
    stages_ms: dict[str, float] = field(default_factory=dict)


def rows_of(caller: "Caller", report: "CallReport") -> list[Row]:
    """Return a call's turns."""
    rows = []
    for turn in report.turns:
        begun = [reply.first_audio_s for reply in turn.replies if reply.first_audio_s is not None]
        stages = {} if turn.latency is None else asdict(turn.latency)
        rows.append(
            Row(
                recording=caller.name,
                index=turn.index,
                spoken=turn.spoken,
                first_audio_ms=None if turn.first_audio_s is None else 1000 * turn.first_audio_s,
                cut_off=any(turn.start_s < at < turn.end_s for at in begun),
                heard=turn.text,
                telephone=caller.telephone,
                stages_ms={name: 1000 * stages[name] for name in STAGES if stages.get(name) is not None},
            )
        )
    return rows


def merge_into(path: Path, figures: dict[str, object]) -> None:
    """Write figures into a file of results; those of other parts and databases that it has stay."""
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | figures, indent=2) + "\n", encoding="utf-8")


def percentile(values: list[float], share: float) -> float:
    """Return the percentile by linear interpolation; `share` from 0 to 1."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=1000, method="inclusive")[max(0, round(share * 1000) - 1)]


def waits(rows: list[Row]) -> list[float]:
    """Return how long the callers waited for answers that came."""
    return [row.first_audio_ms for row in rows if row.first_audio_ms is not None]


def share(rows: list[Row], matching: list[Row]) -> float:
    """Return the part of the rows that match."""
    return round(len(matching) / len(rows), 4) if rows else 0.0


def cut_off(rows: list[Row]) -> list[Row]:
    """Return the turns into which the agent spoke."""
    return [row for row in rows if row.cut_off]


def late(rows: list[Row]) -> list[Row]:
    """Return the turns answered after more than a second, or not at all."""
    return [row for row in rows if row.first_audio_ms is None or row.first_audio_ms > LATE_MS]
