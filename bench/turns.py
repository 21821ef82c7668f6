"""How long a caller waits: end of the caller's speech to the agent's first audio at the client, by stage.

The end of speech is the recording's own truth (its last voiced sample), not a detector's opinion. The same callers
are served three times: by the mesh, real processes on this machine; by the same services in one process without
gRPC, which tells what the mesh itself costs; and by Pipecat with the same recogniser and voice (bench/pipecat).
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from corpus import HERE, corpus
from rich.console import Console
from rich.table import Table
from rows import LATE_MS, STAGES, Row, cut_off, late, percentile, rows_of, share, waits

from voicemesh_cli.caller import CallOptions, load_recording, place_call
from voicemesh_cli.launcher import LaunchOptions, launch

RESULTS = HERE / "results"


async def mesh_rows(console: Console) -> list[Row]:
    """Place the corpus's calls to the mesh, one after another."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-bench-") as folder:
        async with launch(LaunchOptions(state_dir=Path(folder))) as mesh, mesh.watched():
            for path, caller in corpus().items():
                console.print(f"mesh: {caller.name}", style="dim")
                options = CallOptions(domain=caller.domain)
                rows += rows_of(caller, await place_call(load_recording(path), mesh.addresses["dialogue"], options))
    return rows


def one_process_rows(console: Console) -> list[Row]:
    """Place them to the services in one process."""
    console.print("in one process", style="dim")
    out, log = RESULTS / "one-process.json", RESULTS / "one-process.log"
    with log.open("w") as printed:
        command = [sys.executable, str(HERE / "inprocess.py"), "--out", str(out)]
        if subprocess.run(command, stdout=printed, stderr=printed, check=False).returncode:
            raise SystemExit(f"the services in one process failed: see {log}")
    return [Row(**row) for row in json.loads(out.read_text())]


def pipecat_waits(console: Console) -> tuple[list[float], float]:
    """Place them to Pipecat; return the waits and the share of turns cut off."""
    console.print("Pipecat", style="dim")
    folder, out = next(iter(corpus())).parent, RESULTS / "pipecat.json"
    subprocess.run(["sh", str(HERE / "pipecat" / "setup.sh")], check=True)
    python = HERE / "pipecat" / ".venv" / "bin" / "python"
    command = [str(python), str(HERE / "pipecat" / "measure.py"), "--corpus", str(folder), "--out", str(out)]
    subprocess.run(command, check=True)
    rows = json.loads(out.read_text())["rows"]
    found = [row["first_audio_ms"] for row in rows if row["first_audio_ms"] is not None]
    return found, round(sum(row["cut_off"] for row in rows) / len(rows), 4)


def summarise(rows: list[Row]) -> dict[str, object]:
    """Return the figures, times in milliseconds. A turn without an answer counts as late, and is counted apart."""
    found = waits(rows)
    stages = {name: [row.stages_ms[name] for row in rows if name in row.stages_ms] for name in STAGES}
    return {
        "turns": len(rows),
        "unanswered": len(rows) - len(found),
        "p50_ms": round(percentile(found, 0.5), 1),
        "p95_ms": round(percentile(found, 0.95), 1),
        "p99_ms": round(percentile(found, 0.99), 1),
        "cutoff_rate": share(rows, cut_off(rows)),
        "late_rate": share(rows, late(rows)),
        "stages_ms": {
            name: {
                key: round(percentile(values, part), 1) for key, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            }
            for name, values in stages.items()
            if values
        },
    }


def compare(figures: dict[str, object], rows: list[Row], others: dict[str, list[float]]) -> None:
    """Add what the mesh costs and how long Pipecat takes."""
    ours = {part: percentile(waits(rows), part) for part in (0.5, 0.95)}
    if "one process" in others:
        alone = {part: percentile(others["one process"], part) for part in (0.5, 0.95)}
        figures["one_process_p50_ms"], figures["one_process_p95_ms"] = (round(alone[part], 1) for part in (0.5, 0.95))
        figures["mesh_cost_p50_ms"] = round(ours[0.5] - alone[0.5], 1)
    if "pipecat" in others:
        theirs = {part: percentile(others["pipecat"], part) for part in (0.5, 0.95)}
        figures["pipecat_p50_ms"], figures["pipecat_p95_ms"] = (round(theirs[part], 1) for part in (0.5, 0.95))
        figures["pipecat_ratio_p50"], figures["pipecat_ratio_p95"] = (
            round(ours[part] / theirs[part], 3) for part in (0.5, 0.95)
        )


def show(figures: dict[str, object], rows: list[Row], console: Console) -> None:
    """Print the figures, and the turns that went wrong."""
    table = Table(title=f"{figures['turns']} turns: end of speech to first agent audio at the client")
    for column in ("stage", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, values in figures["stages_ms"].items():  # type: ignore[attr-defined]
        table.add_row(stage if stage != "total" else "total on the server", *(str(value) for value in values.values()))
    table.add_section()
    keys = ("p50_ms", "p95_ms", "p99_ms")
    table.add_row("first audio at the client", *(str(figures[key]) for key in keys), style="bold")
    console.print(table)
    for name, value in figures.items():
        if name not in {*keys, "stages_ms", "turns"}:
            console.print(f"{name}: {value}")
    for row in rows:
        if row in cut_off(rows) or row in late(rows):
            fault = "cut off" if row.cut_off else f"later than {LATE_MS} ms"
            console.print(f'{fault}: {row.recording} "{row.spoken}", heard as "{row.heard}"', style="yellow")


def main() -> int:
    """Measure, print, and write bench/results/turns.json; 1 when no turn was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mesh-only", action="store_true", help="leave out the one process and Pipecat")
    mesh_only = parser.parse_args().mesh_only
    console = Console()
    RESULTS.mkdir(exist_ok=True)
    rows = asyncio.run(mesh_rows(console))
    if not waits(rows):
        console.print("no turn was answered", style="red")
        return 1
    figures, others = summarise(rows), {}
    if not mesh_only:
        others["one process"] = waits(one_process_rows(console))
        others["pipecat"], figures["pipecat_cutoff_rate"] = pipecat_waits(console)
    compare(figures, rows, others)
    show(figures, rows, console)
    document = {**figures, "rows": [row.__dict__ for row in rows]}
    (RESULTS / "turns.json").write_text(json.dumps(document, indent=2) + "\n")
    console.print("written to bench/results/turns.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
