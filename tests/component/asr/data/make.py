"""Makes the recordings in this folder: `python make.py` where flite and the package soundfile are installed."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

import soundfile

HERE = Path(__file__).parent
VOICES = ("rms", "slt", "awb")
SENTENCES = (
    "I would like to move my appointment to Friday afternoon.",
    "My parcel came late and the blue vase was cracked.",
    "Could you send the invoice to Harriet Goldsmith?",
    "Please cancel the whitening and book a filling instead.",
    "How much does a new kettle cost?",
)


def flite(voice: str, text: str, wav: str, report: str) -> list[str]:
    """Speak a text into a file; return what flite reports of its sounds, one item a sound."""
    command = ["flite", "-voice", voice, report, "-t", text, "-o", wav]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def words(voice: str, sentence: str, timed: list[str], scratch: str) -> list[dict[str, str | float]]:
    """Return the words with their times: a word has as many sounds in the sentence as it has alone."""
    sounds = [item.split(":") for item in timed]
    starts = [0.0, *(float(end) for _, end in sounds)]
    spans = [(starts[n], float(end)) for n, (sound, end) in enumerate(sounds) if sound != "pau"]
    found, at = [], 0
    for word in re.findall(r"[\w']+", sentence):
        count = sum(sound != "pau" for sound in flite(voice, word, scratch, "-ps"))
        found.append({"text": word, "start_s": spans[at][0], "end_s": spans[at + count - 1][1]})
        at += count
    assert at == len(spans), (voice, sentence, at, len(spans))
    return found


def main() -> None:
    truth = {}
    for voice in VOICES:
        for number, sentence in enumerate(SENTENCES):
            with tempfile.TemporaryDirectory() as folder:
                spoken, scratch = f"{folder}/spoken.wav", f"{folder}/scratch.wav"
                timed = flite(voice, sentence, spoken, "-psdur")
                samples, rate = soundfile.read(spoken, dtype="int16")
                assert rate == 16_000
                name = f"{voice}-{number}.flac"
                soundfile.write(HERE / name, samples, rate, subtype="PCM_16")
                truth[name] = {"text": sentence, "words": words(voice, sentence, timed, scratch)}
    (HERE / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main()
