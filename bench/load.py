"""How many calls one machine carries: turn latency, CPU and memory at more and more calls at once.

The callers are those of the demo, who answer without hesitating; with --corpus those of turns.py, who pause within
sentences, half of them on telephones: each of their calls takes half as much again.

The recordings are played at their own pace by this process; the mesh runs as real processes, started anew for each
level. A call that the mesh refuses is counted by the refusal's reason; it is no bad call.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from corpus import HERE, corpus
from rich.console import Console
from rich.table import Table
from rows import percentile

from voicemesh_cli.caller import CallOptions, load_recording, place_call
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_client import VoicemeshError

LEVELS = (1, 10, 20, 40, 60)
DEMO = {"clinic-booking.wav": "clinic", "shop-complaint.wav": "shop"}
SPREAD_S = 6.0
"""Calls begin evenly within so many seconds, as no two callers dial at once."""


@dataclass
class Level:
    """What became of the calls of one level."""

    calls: int
    waits_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    rss_mb: float = 0.0


def cpu_seconds(pids: list[int]) -> float:
    """Return the processes' user and system time so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(pids: list[int]) -> float:
    """Return the processes' resident memory."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def recordings(*, hesitating: bool) -> list[tuple[Path, str]]:
    """Return what is played, with its domain."""
    if hesitating:
        return [(path, caller.domain) for path, caller in corpus().items()]
    return [(HERE.parent / "examples" / "recordings" / name, domain) for name, domain in DEMO.items()]


async def one_call(path: Path, domain: str, delay_s: float, mesh: RunningMesh, level: Level) -> None:
    """Place one call and note how long its caller waited."""
    await asyncio.sleep(delay_s)
    try:
        options = CallOptions(domain=domain)
        report = await place_call(load_recording(path), mesh.addresses["dialogue"], options)
    except VoicemeshError as error:
        level.refused[error.reason] += 1
        return
    for turn in report.turns:
        if turn.first_audio_s is None:
            level.unanswered += 1
        else:
            level.waits_ms.append(1000 * turn.first_audio_s)


async def measure(calls: int, played: list[tuple[Path, str]]) -> Level:
    """Place so many calls at once."""
    level = Level(calls)
    with tempfile.TemporaryDirectory(prefix="voicemesh-load-") as folder:
        async with launch(LaunchOptions(state_dir=Path(folder))) as mesh, mesh.watched():
            pids = list(mesh.pids.values())
            before = cpu_seconds(pids)
            async with asyncio.TaskGroup() as tasks:
                for number in range(calls):
                    path, domain = played[number % len(played)]
                    tasks.create_task(one_call(path, domain, SPREAD_S * number / calls, mesh, level))
            level.cpu_s = cpu_seconds(pids) - before
            level.rss_mb = resident_mb(pids)
    return level


def row(level: Level) -> dict[str, object]:
    """Return a level's figures."""
    served = level.calls - sum(level.refused.values())
    return {
        "calls": level.calls,
        "served": served,
        "refused": dict(level.refused),
        "turns": len(level.waits_ms),
        "unanswered": level.unanswered,
        "p50_ms": round(percentile(level.waits_ms, 0.5), 1) if level.waits_ms else None,
        "p95_ms": round(percentile(level.waits_ms, 0.95), 1) if level.waits_ms else None,
        "cpu_s_per_call": round(level.cpu_s / served, 2) if served else None,
        "rss_mb": round(level.rss_mb),
    }


def show(rows: list[dict[str, object]], console: Console) -> None:
    """Print the figures as a table."""
    table = Table(title="calls at once: end of speech to first agent audio at the client")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for figures in rows:
        table.add_row(*(str(value) for value in figures.values()))
    console.print(table)


def main() -> int:
    """Measure every level, print, and write bench/results/load.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS, help="calls at once, several levels")
    parser.add_argument("--corpus", action="store_true", help="callers who hesitate, half of them on telephones")
    options = parser.parse_args()
    console, rows, played = Console(), [], recordings(hesitating=options.corpus)
    for calls in options.levels:
        console.print(f"{calls} calls at once", style="dim")
        rows.append(row(asyncio.run(measure(calls, played))))
    show(rows, console)
    results = HERE / "results" / "load.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(rows, indent=2) + "\n")
    console.print("written to bench/results/load.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
