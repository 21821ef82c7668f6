"""How fast the agent falls silent when the caller speaks over it, and whether it goes on after a mere sound.

Onset: the first voiced sample sent. Silence: the end of the last sample that the client played before it stopped. A
false alarm is resumed when the agent's turn is heard to its end.
"""

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus import HERE
from phone import Phone, phone
from rich.console import Console
from rich.table import Table
from rows import percentile
from sounds import BACKCHANNELS, INTERRUPTIONS, VOICES, Samples, cough, knocks, spoken

import voicemesh_client as sdk
from voicemesh_cli.launcher import LaunchOptions, launch

QUESTION = "When are you open, and what does it cost?"
"""Typed, so that the agent talks for some seconds."""
INTO_S = 0.7
"""How much of the agent's turn is heard before the caller makes a sound."""
SETTLED_S = 1.2
_ROUNDING_S = 0.02


@dataclass
class Trial:
    """A sound over the agent's voice."""

    kind: str
    sound: str
    stop_ms: float
    """From onset to silence at the client, be it for a moment."""
    resumed: bool
    """Whether the agent's turn was heard to its end."""


def sounds() -> list[tuple[str, str, Samples]]:
    """Return each sound with its kind and name."""
    words = [("words", f"{voice}: {text}", spoken(voice, text)) for voice in VOICES for text in INTERRUPTIONS]
    feedback = [("feedback", f"{voice}: {text}", spoken(voice, text)) for voice in VOICES for text in BACKCHANNELS]
    noises = [
        (name, str(seed), make(seed)) for name, make in (("cough", cough), ("knocks", knocks)) for seed in range(4)
    ]
    return [*words, *feedback, *noises]


async def trial(call: Phone, kind: str, name: str, samples: Samples) -> Trial:
    """Ask something, make the sound over the answer, and see what the agent does."""
    before = len(call.turn_ids())
    await call.session.send_text(QUESTION)
    await call.until(lambda: len(call.turn_ids()) > before)
    turn_id = call.turn_ids()[-1]
    first = call.of(turn_id)[0]
    await asyncio.sleep(INTO_S)
    onset = await call.say(samples)
    spoken_s = len(samples) / 16_000
    await call.until(lambda: call.session.clock.now() >= onset + spoken_s + SETTLED_S)
    await call.heard_out(before + 1)
    # What was sent says nothing of what was heard: a turn is sent faster than it is played.
    whole_s = next(ended.duration for ended in call.told(sdk.AgentTurnEnded) if ended.turn_id == turn_id)
    heard_s = sum(piece.seconds for piece in call.of(turn_id))
    return Trial(kind, name, _stop_ms(call, turn_id, onset, first.at), heard_s >= whole_s - _ROUNDING_S)


def _stop_ms(call: Phone, turn_id: str, onset: float, began: float) -> float:
    """Return when the agent first fell silent after the onset; a gap of a tenth of a second is silence."""
    pieces = call.of(turn_id)
    end = began
    for piece in pieces:
        if piece.at > max(end, onset) + 0.1:
            break
        end = max(end, piece.end)
    return 1000 * max(0.0, end - onset)


async def measure(console: Console) -> list[Trial]:
    """Make every sound, each in a call of its own."""
    trials = []
    with tempfile.TemporaryDirectory(prefix="voicemesh-bargein-") as folder:
        async with launch(LaunchOptions(state_dir=Path(folder))) as mesh, mesh.watched():
            for kind, name, samples in sounds():
                async with phone(mesh.addresses["dialogue"], "clinic") as call:
                    await call.heard_out(1)
                    trials.append(await trial(call, kind, name, samples))
                console.print(trials[-1], style="dim")
    return trials


def summarise(trials: list[Trial]) -> dict[str, object]:
    """Return the figures."""
    words = [one for one in trials if one.kind == "words"]
    others = [one for one in trials if one.kind != "words"]
    stops = [one.stop_ms for one in words]
    return {
        "interruptions": len(words),
        "interrupted": sum(not one.resumed for one in words),
        "stop_p50_ms": round(percentile(stops, 0.5), 1),
        "stop_p95_ms": round(percentile(stops, 0.95), 1),
        "false_alarms": len(others),
        "resumed_rate": round(sum(one.resumed for one in others) / len(others), 4),
    }


def main() -> int:
    """Measure, print, and write bench/results/bargein.json."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console()
    trials = asyncio.run(measure(console))
    figures = summarise(trials)
    table = Table(title="sounds over the agent's voice")
    for column in ("figure", "value"):
        table.add_column(column)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    document = {**figures, "trials": [asdict(one) for one in trials]}
    (results / "bargein.json").write_text(json.dumps(document, indent=2) + "\n")
    console.print("written to bench/results/bargein.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
