"""How long a caller waits for a Pipecat bot: last voiced sample to first audio, over a folder of recordings.

Runs in the environment that setup.sh makes. The bot is a process of its own; each recording is a session of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from call import Answered, Recording, load_recording, place_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
# Smart Turn's own limit is 3 s of silence: what is answered sooner than this, the model has called complete.
PROMPT_MS = 2_000.0
PACKAGES = ("pipecat-ai", "onnxruntime", "moonshine-voice", "espeakng-loader", "numpy", "websockets")


@contextlib.asynccontextmanager
async def bot(rate_hz: int, turn_taking: str) -> AsyncIterator[asyncio.StreamReader]:
    """Start the bot for callers of a rate; yields its output. It is stopped at the end."""
    command = [sys.executable, HERE / "bot.py", "--rate", str(rate_hz), "--turn-taking", turn_taking]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def next_address(output: asyncio.StreamReader) -> str:
    """Wait until the bot takes a session; return where. Raises RuntimeError when it has ended."""
    async for line in output:
        word, _, address = line.decode().strip().partition(" ")
        if word == "ready":
            return address
    raise RuntimeError("the bot has ended; its errors are above")


async def measure(recordings: list[Recording], turn_taking: str) -> list[Answered]:
    """Place each recording's call, one after another, a bot for each rate."""
    rows: list[Answered] = []
    for rate_hz in sorted({recording.rate_hz for recording in recordings}):
        async with bot(rate_hz, turn_taking) as output:
            for recording in recordings:
                if recording.rate_hz == rate_hz:
                    address = await next_address(output)
                    print(f"pipecat: {recording.name}", file=sys.stderr, flush=True)
                    rows += await place_call(recording, address)
    return rows


def percentile(values: list[float], hundredth: int) -> float | None:
    """Return the percentile by linear interpolation; None of nothing."""
    if len(values) < 2:
        return values[0] if values else None
    return round(statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1], 1)


def summarise(rows: list[Answered]) -> dict[str, object]:
    """Return the figures; times in milliseconds, over the turns that were answered, also after a cut.

    The `prompt` ones are of the turns answered within 2 s: with Smart Turn those that it took for complete.
    """
    waits = [row.first_audio_ms for row in rows if row.first_audio_ms is not None]
    prompt = [wait for wait in waits if wait < PROMPT_MS]
    return {
        "turns": len(rows),
        "cut_off": sum(row.cut_off for row in rows),
        "unanswered": sum(row.first_audio_ms is None for row in rows),
        "p50_ms": percentile(waits, 50),
        "p95_ms": percentile(waits, 95),
        "prompt_turns": len(prompt),
        "prompt_p50_ms": percentile(prompt, 50),
        "prompt_p95_ms": percentile(prompt, 95),
        "late_frames_ms": max((row.late_frames_ms for row in rows), default=0.0),
    }


def main() -> int:
    """Measure and write the file; 1 when no turn was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of NAME.wav with NAME.turns.json")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--turn-taking",
        default="smart-turn",
        choices=("smart-turn", "speech-timeout"),
        help="how Pipecat ends a turn: by its Smart Turn model (its recommendation and the default) or by silence",
    )
    parser.add_argument(
        "--rate", type=int, choices=(8_000, 16_000), help="send all recordings at this rate, in Hz (default: their own)"
    )
    options = parser.parse_args()
    paths = sorted(path for path in options.corpus.glob("*.wav") if path.with_suffix(".turns.json").is_file())
    if not paths:
        parser.error(f"{options.corpus} holds no NAME.wav with NAME.turns.json beside it")
    recordings = [load_recording(path) for path in paths]
    recordings = [recording.at(options.rate or recording.rate_hz) for recording in recordings]
    rows = asyncio.run(measure(recordings, options.turn_taking))
    summary = summarise(rows)
    document = {
        "turn_taking": options.turn_taking,
        "versions": {name: version(name) for name in PACKAGES},
        "summary": summary,
        "rows": [asdict(row) for row in rows],
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(summary), file=sys.stderr)
    return 0 if summary["p50_ms"] is not None else 1


if __name__ == "__main__":
    raise SystemExit(main())
