"""Makes the caller recordings of `examples/recordings` anew.

    python tools/make_recordings.py [--out DIRECTORY]

Needs Debian's `flite` (`apt-get install flite`), whose voice `rms` speaks the same samples every time, so the
files come out byte for byte the same for one flite version. Beside each `NAME.wav` stands `NAME.turns.json`,
the truth of every caller turn: its words and its first and last voiced sample.
"""

from __future__ import annotations

import argparse
import array
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

VOICE = "rms"
SAMPLE_RATE_HZ = 16_000
# One hundredth of full scale (-40 dBFS): flite's own noise floor lies below 10, speech well above.
VOICED_THRESHOLD = 328
LEAD_S = 0.5
PAUSE_S = 1.0
TAIL_S = 1.0

RECORDINGS: dict[str, tuple[str, ...]] = {
    "clinic-booking": (
        "I'd like a cleaning on Tuesday at ten in the morning.",
        "My name is Sarah Miller.",
        "No, I said Wednesday.",
        "Yes, that's right.",
        "No, that's all. Thank you, goodbye.",
    ),
    "shop-complaint": (
        "Hello, my order is damaged and I want to complain.",
        "The order number is B seven three one two.",
        "The screen of the tablet is broken.",
        "Yes, that's right.",
        "No, that's all. Thank you, goodbye.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Turn:
    """One caller turn in a recording: its words, first and last voiced sample in seconds."""

    text: str
    start_s: float
    end_s: float


def main() -> int:
    """Makes every recording; 0 when all were written, 1 when flite is missing."""
    parser = argparse.ArgumentParser(description="Makes the caller recordings anew.")
    parser.add_argument("--out", type=Path, default=Path("examples/recordings"), help="where to write them")
    arguments = parser.parse_args()
    if shutil.which("flite") is None:
        print("flite is not installed: apt-get install flite", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, texts in RECORDINGS.items():
        samples, turns = compose(texts)
        write(arguments.out / name, samples, turns)
        print(f"{name}: {len(samples) / SAMPLE_RATE_HZ:.1f} s, {len(turns)} turns")
    return 0


def compose(texts: tuple[str, ...]) -> tuple[array.array[int], list[Turn]]:
    """Puts the spoken texts one behind the other; returns the samples and the truth of each turn."""
    samples = silence(LEAD_S)
    turns = []
    for text in texts:
        speech = speak(text)
        first, last = voiced(speech)
        place = len(samples)
        samples.extend(speech)
        turns.append(Turn(text, at(place + first), at(place + last)))
        # The pause is counted from voice to voice: flite's own margins are part of it.
        samples.extend(silence(PAUSE_S - (len(speech) - last) / SAMPLE_RATE_HZ))
    samples.extend(silence(TAIL_S - PAUSE_S))
    return samples, turns


def speak(text: str) -> array.array[int]:
    """Speaks a text with flite: 16 kHz mono samples."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "speech.wav"
        subprocess.run(["flite", "-voice", VOICE, "-t", text, "-o", str(path)], check=True)
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE_HZ, 1, 2):
                raise SystemExit(f"flite's voice {VOICE} no longer speaks 16 kHz mono PCM16")
            samples = array.array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def voiced(samples: array.array[int]) -> tuple[int, int]:
    """Indices of the first and the last sample above the threshold."""
    loud = [index for index, sample in enumerate(samples) if abs(sample) > VOICED_THRESHOLD]
    return loud[0], loud[-1]


def silence(seconds: float) -> array.array[int]:
    """That many seconds of zeros; nothing for zero or less."""
    return array.array("h", bytes(2 * max(0, round(seconds * SAMPLE_RATE_HZ))))


def at(sample: int) -> float:
    """The place of a sample in seconds, rounded to a tenth of a millisecond."""
    return round(sample / SAMPLE_RATE_HZ, 4)


def write(path: Path, samples: array.array[int], turns: list[Turn]) -> None:
    """Writes PATH.wav and PATH.turns.json."""
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    truth = {
        "origin": f"flite, voice {VOICE}; made by tools/make_recordings.py",
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "turns": [dataclasses.asdict(turn) for turn in turns],
    }
    path.with_suffix(".turns.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
