"""How long a caller waits: end of the caller's speech to the agent's first audio at the client, by stage.

The end of speech is the recording's own truth (its last voiced sample), not a detector's opinion. The mesh runs
as real processes on this machine, started for the bench and stopped after it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from voicemesh_cli.caller import CallOptions, TurnReport, load_recording, place_call
from voicemesh_cli.launcher import LaunchOptions, launch

ROOT = Path(__file__).parents[1]
RECORDINGS = {"clinic": "clinic-booking.wav", "shop": "shop-complaint.wav"}
STAGES = ("endpointing", "transcription", "understanding", "policy", "synthesis", "total")


async def measure(rounds: int, console: Console) -> list[TurnReport]:
    """Place each recording's call `rounds` times, one after another; return their turns."""
    turns: list[TurnReport] = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-bench-") as folder:
        async with launch(LaunchOptions(state_dir=Path(folder))) as mesh, mesh.watched():
            for number in range(1, rounds + 1):
                for domain, name in RECORDINGS.items():
                    console.print(f"round {number}/{rounds}: {name}", style="dim")
                    recording = load_recording(ROOT / "examples" / "recordings" / name)
                    report = await place_call(recording, mesh.addresses["dialogue"], CallOptions(domain=domain))
                    turns += report.turns
    return turns


def percentile(values: list[float], share: float) -> float:
    """Return the percentile by linear interpolation; `share` from 0 to 1."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=1000, method="inclusive")[max(0, round(share * 1000) - 1)]


def summarise(turns: list[TurnReport]) -> dict[str, object]:
    """Return the figures, all in milliseconds. A turn without an answer is counted apart, not left out silently."""
    answered = [turn for turn in turns if turn.first_audio_s is not None and turn.latency is not None]
    waits = [1000 * (turn.first_audio_s or 0.0) for turn in answered]
    stages = {
        stage: [
            1000 * value for turn in answered if turn.latency and (value := asdict(turn.latency)[stage]) is not None
        ]
        for stage in STAGES
    }
    return {
        "turns": len(answered),
        "unanswered": len(turns) - len(answered),
        "p50_ms": round(percentile(waits, 0.5), 1),
        "p95_ms": round(percentile(waits, 0.95), 1),
        "stages_ms": {
            stage: {"p50": round(percentile(values, 0.5), 1), "p95": round(percentile(values, 0.95), 1)}
            for stage, values in stages.items()
            if values
        },
    }


def show(figures: dict[str, object], console: Console) -> None:
    """Print the figures as a table."""
    table = Table(title=f"{figures['turns']} turns: end of speech to first agent audio at the client")
    for column in ("stage", "p50 ms", "p95 ms"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, values in figures["stages_ms"].items():  # type: ignore[attr-defined]
        table.add_row(stage if stage != "total" else "total on the server", str(values["p50"]), str(values["p95"]))
    table.add_section()
    table.add_row("first audio at the client", str(figures["p50_ms"]), str(figures["p95_ms"]), style="bold")
    console.print(table)
    if figures["unanswered"]:
        console.print(f"{figures['unanswered']} turns were not answered by themselves", style="red")


def main() -> int:
    """Measure, print, and write bench/results/turns.json; 1 when no turn was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="calls of each recording (default 2)")
    rounds = parser.parse_args().rounds
    console = Console()
    turns = asyncio.run(measure(rounds, console))
    if not any(turn.first_audio_s is not None for turn in turns):
        console.print("no turn was answered", style="red")
        return 1
    figures = summarise(turns)
    show(figures, console)
    results = ROOT / "bench" / "results" / "turns.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(f"written to {results.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
