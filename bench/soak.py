"""Whether memory stays flat over many calls: resident memory of every process after each hundred short spoken calls.

Every call is greeted, answered by voice and ends with a goodbye. Some lines call at once, each call after call, so that
hundreds take minutes. The first hundred warm caches and allocators up; growth is counted from there.
"""

import argparse
import asyncio
import json
import tempfile
from itertools import pairwise
from pathlib import Path

from corpus import HERE
from load import resident_mb
from phone import phone
from rich.console import Console
from rich.table import Table
from sounds import VOICES, spoken

import voicemesh_client as sdk
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch

LAST_WORDS = "No, thank you, goodbye."
BATCH = 100
_SETTLE_S = 3.0
_LATER_S = 1.0


async def call(number: int, target: str) -> None:
    """Place a call; where the mesh asks to wait, later."""
    while True:
        try:
            await _talk(number, target)
        except sdk.OverloadedError as error:
            await asyncio.sleep(error.retry_after_s or _LATER_S)
        else:
            return


async def _talk(number: int, target: str) -> None:
    """Hear the greeting, say goodbye, hear the answer."""
    async with phone(target, "clinic") as line:
        await line.heard_out(1)
        await line.say(spoken(VOICES[number % len(VOICES)], LAST_WORDS))
        await line.heard_out(2)


async def batch(calls: int, lines: int, target: str) -> None:
    """Place so many calls over so many lines."""
    waiting = iter(range(calls))

    async def line() -> None:
        for number in waiting:
            await call(number, target)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(lines):
            tasks.create_task(line())


def memory(mesh: RunningMesh) -> dict[str, float]:
    """Return the resident memory of each process in megabytes."""
    return {name: round(resident_mb([pid]), 1) for name, pid in mesh.pids.items()}


async def measure(calls: int, lines: int, console: Console) -> list[dict[str, float]]:
    """Place the calls; return the memory after each hundred."""
    samples = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-soak-") as folder:
        async with launch(LaunchOptions(state_dir=Path(folder))) as mesh, mesh.watched():
            for done in range(BATCH, calls + 1, BATCH):
                await batch(BATCH, lines, mesh.addresses["dialogue"])
                await asyncio.sleep(_SETTLE_S)
                samples.append(memory(mesh))
                console.print(f"{done} calls: {sum(samples[-1].values()):.0f} MB", style="dim")
    return samples


def main() -> int:
    """Measure, print, and write bench/results/soak.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="how many, in hundreds (default 500)")
    parser.add_argument("--lines", type=int, default=10, help="calls at once (default 10)")
    options = parser.parse_args()
    if options.calls < 2 * BATCH or options.calls % BATCH:
        parser.error(f"--calls is a multiple of {BATCH}, at least {2 * BATCH}")
    console = Console()
    samples = asyncio.run(measure(options.calls, options.lines, console))
    totals = [sum(sample.values()) for sample in samples]
    figures = {
        "calls": options.calls,
        "growth_percent": round(100 * (totals[-1] / totals[0] - 1), 2),
        "growth_by_hundred_percent": [round(100 * (after / before - 1), 2) for before, after in pairwise(totals)],
        "mb": samples,
    }
    table = Table(title="resident memory, MB")
    table.add_column("process")
    for number in range(len(samples)):
        table.add_column(f"{(number + 1) * BATCH} calls", justify="right")
    for name in samples[0]:
        table.add_row(name, *(f"{sample[name]:.1f}" for sample in samples))
    console.print(table)
    console.print(f"growth after the first hundred: {figures['growth_percent']} %")
    (HERE / "results" / "soak.json").write_text(json.dumps(figures, indent=2) + "\n")
    console.print("written to bench/results/soak.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
