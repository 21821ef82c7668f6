"""The bench's callers: recordings in several voices, wide band and telephone, with pauses inside sentences.

Made by flite from `corpus.yaml` when they are first needed, the same samples every time for one version of flite.
Beside each recording stands the truth of its turns: words, first and last voiced sample.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import yaml
from numpy.typing import NDArray

from voicemesh_cli.caller.recording import SpokenTurn

HERE = Path(__file__).parent
RATE_HZ, TELEPHONE_HZ = 16_000, 8_000
# One hundredth of full scale (-40 dBFS): flite's own noise floor lies far below, speech well above.
_VOICED = 0.01
_LEAD_S = _BETWEEN_S = 1.0
_BAND_HZ = (300.0, 3_400.0)
_NOISE = 0.001
_PAUSE = re.compile(r"\s*<([0-9.]+)>\s*")

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Caller:
    """One call of the corpus."""

    name: str
    domain: str
    voice: str
    turns: tuple[str, ...]
    telephone: bool = False


def callers() -> list[Caller]:
    """Return what corpus.yaml says."""
    entries = yaml.safe_load((HERE / "corpus.yaml").read_text(encoding="utf-8"))
    return [Caller(**{**entry, "turns": tuple(entry["turns"])}) for entry in entries]


def corpus() -> dict[Path, Caller]:
    """Return the recordings, made if they are not there yet."""
    sources = [Path(__file__), HERE / "corpus.yaml"]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = HERE / "results" / f"corpus-{version}"
    if not folder.is_dir():
        if shutil.which("flite") is None:
            raise SystemExit("flite speaks the bench's callers: apt-get install flite")
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as making:
            for caller in callers():
                _make(caller, Path(making))
            shutil.copytree(making, folder)
    return {folder / f"{caller.name}.wav": caller for caller in callers()}


def _make(caller: Caller, folder: Path) -> None:
    pieces, turns, place = [np.zeros(round(_LEAD_S * RATE_HZ))], [], round(_LEAD_S * RATE_HZ)
    for text in caller.turns:
        speech = _speak(caller.voice, text)
        voiced = np.flatnonzero(np.abs(speech) > _VOICED)
        first, last = int(voiced[0]), int(voiced[-1])
        said = _PAUSE.sub(" ", text)
        turns.append(SpokenTurn(said, (place + first) / RATE_HZ, (place + last) / RATE_HZ))
        pieces += [speech, np.zeros(round(_BETWEEN_S * RATE_HZ))]
        place += len(speech) + len(pieces[-1])
    samples, rate_hz = np.concatenate(pieces), RATE_HZ
    if caller.telephone:
        samples, rate_hz = _telephone(samples), TELEPHONE_HZ
    soundfile.write(folder / f"{caller.name}.wav", samples, rate_hz, subtype="PCM_16")
    truth = {"origin": f"flite, voice {caller.voice}, bench/corpus.py", "turns": [asdict(turn) for turn in turns]}
    (folder / f"{caller.name}.turns.json").write_text(json.dumps(truth, indent=2) + "\n")


def _speak(voice: str, text: str) -> Samples:
    """Return a sentence with its pauses as long as they are written."""
    parts = _PAUSE.split(text)
    samples, sounds = flite(voice, ", ".join(part.rstrip(",") for part in parts[::2]))
    pieces, begin, count = [], 0, 0
    for part, wanted in zip(parts[::2], parts[1::2], strict=False):
        # A word has as many sounds in the sentence as it has alone.
        count += sum(_sounds(voice, word) for word in re.findall(r"[\w']+", part))
        pause = _pause_behind(sounds, count)
        if pause is None:
            raise SystemExit(f'flite makes no pause behind "{part}" in "{text}"')
        middle = round(sum(pause) / 2 * RATE_HZ)
        longer = max(0.0, float(wanted) - (pause[1] - pause[0]))
        pieces += [samples[begin:middle], np.zeros(round(longer * RATE_HZ))]
        begin = middle
    return np.concatenate([*pieces, samples[begin:]])


def _pause_behind(sounds: list[tuple[str, float]], count: int) -> tuple[float, float] | None:
    """Return where the pause behind the first `count` sounds begins and ends; None where there is none."""
    spoken = 0
    for place, (name, end) in enumerate(sounds[:-1]):
        spoken += name != "pau"
        if spoken == count:
            behind, until = sounds[place + 1]
            return (end, until) if behind == "pau" else None
    return None


def _sounds(voice: str, word: str) -> int:
    return sum(name != "pau" for name, _ in flite(voice, word)[1])


def flite(voice: str, text: str) -> tuple[Samples, list[tuple[str, float]]]:
    """Return a text's samples, and its sounds with the second where each ends."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", file.name]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        samples, rate_hz = soundfile.read(file.name)
    if rate_hz != RATE_HZ:
        raise SystemExit(f"flite's voice {voice} speaks {rate_hz} Hz instead of {RATE_HZ}")
    pairs = [item.split(":") for item in printed.split()]
    return samples, [(name, float(end)) for name, end in pairs]


def _telephone(samples: Samples) -> Samples:
    """Return what a telephone line makes of them."""
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    spectrum[(frequency < _BAND_HZ[0]) | (frequency > _BAND_HZ[1])] = 0
    narrow = soxr.resample(np.fft.irfft(spectrum, len(samples)), RATE_HZ, TELEPHONE_HZ)
    noisy = np.clip(narrow + np.random.default_rng(0).normal(0, _NOISE, len(narrow)), -1, 1)
    # mu-law there and back (ITU-T G.711, as its formula).
    squeezed = np.round(np.sign(noisy) * np.log1p(255 * np.abs(noisy)) / np.log(256) * 127) / 127
    return np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log(256)) / 255


if __name__ == "__main__":
    for path, caller in corpus().items():
        print(f"{path.relative_to(Path.cwd())}: {len(caller.turns)} turns")
