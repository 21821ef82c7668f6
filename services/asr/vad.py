"""Voice activity by Silero on onnxruntime: one probability for every 32 ms of 16 kHz audio.

The network takes 512 new samples behind 64 of the chunk before, and a recurrent state. Both travel beside the
call (``VadState``), so that chunks of many streams can share one run: ``VadModel.run`` takes a batch.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mesh.config import ConfigError
from mesh.onnx import open_session
from services.asr.model import SAMPLE_RATE_HZ
from services.asr.segmenter import CHUNK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from services.asr.model import Samples

_CONTEXT = 64
_STATE = (2, 1, 128)
_MODEL_FILE = "data/silero_vad_16k_op15.onnx"


@dataclass(slots=True)
class VadState:
    """What the network remembers of one stream."""

    memory: NDArray[np.float32] = field(default_factory=lambda: np.zeros(_STATE, np.float32))
    context: NDArray[np.float32] = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))


class VadModel:
    """The loaded network; safe for use by many threads."""

    def __init__(self, threads: int = 1) -> None:
        self._session = open_session(str(model_path()), threads)

    def run(self, states: Sequence[VadState], chunks: Sequence[Samples]) -> NDArray[np.float32]:
        """Return the voice probability of each stream's next chunk, shape ``(streams,)``; moves the states on.

        Each chunk has the shape ``(512,)``.
        """
        rows = np.stack([np.concatenate((s.context, chunk)) for s, chunk in zip(states, chunks, strict=True)])
        memory = np.concatenate([s.memory for s in states], axis=1)
        probabilities, memory = self._session.run(
            None, {"input": rows, "state": memory, "sr": np.array(SAMPLE_RATE_HZ, np.int64)}
        )
        for index, state in enumerate(states):
            state.memory = memory[:, index : index + 1]
            state.context = rows[index, -_CONTEXT:]
        result: NDArray[np.float32] = probabilities[:, 0]
        return result


@dataclass(frozen=True, slots=True)
class Heard:
    """What a chunk is like: the probability of a voice in it, 0 to 1, and its RMS level in dB of full scale."""

    probability: float
    level_db: float


class Chunker:
    """One stream's audio, cut into chunks; what does not fill a chunk waits for more."""

    def __init__(self) -> None:
        self.state = VadState()
        self._rest: Samples = np.zeros(0, np.float32)

    def cut(self, samples: Samples, *, last: bool = False) -> Samples:
        """Return the chunks that are now full, shape ``(chunks, 512)``; with ``last``, the rest filled with silence."""
        pending = np.concatenate((self._rest, samples))
        if last and len(pending) % CHUNK:
            pending = np.concatenate((pending, np.zeros(-len(pending) % CHUNK, np.float32)))
        whole = len(pending) // CHUNK * CHUNK
        self._rest = pending[whole:]
        return pending[:whole].reshape(-1, CHUNK)


def hear(model: VadModel, states: Sequence[VadState], chunks: Sequence[Samples]) -> list[list[Heard]]:
    """Return what each chunk of each stream is like; streams share the runs of the network. Blocks.

    One run takes about 0.3 ms for a stream alone and 0.1 ms a stream for many.
    """
    found: list[list[Heard]] = [[] for _ in states]
    for step in range(max((len(own) for own in chunks), default=0)):
        those = [index for index, own in enumerate(chunks) if len(own) > step]
        probabilities = model.run([states[index] for index in those], [chunks[index][step] for index in those])
        for index, probability in zip(those, probabilities, strict=True):
            power = float(np.square(chunks[index][step]).mean())
            found[index].append(Heard(float(probability), 10 * math.log10(power + 1e-10)))
    return found


def model_path() -> Path:
    """Return the network's file in the package that carries it.

    Raises ``ConfigError`` when the package is not installed.
    """
    # Found, not imported: the package's own code asks for torch.
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise ConfigError("the package silero-vad is not installed; install the extra voicemesh[asr]")
    return Path(spec.origin).parent / _MODEL_FILE
