"""Piper's voices on onnxruntime: neural, near to a human's, one model file a voice.

A voice is `NAME.onnx` with `NAME.onnx.json` in the folder of VOICEMESH_TTS_PIPER_VOICES. The model takes phoneme ids
(`input`, `input_lengths`), three scales and, with several speakers, `sid`; it gives the audio and, if it was
exported so, the duration of each id. Phonemes come from espeak-ng, as in the voices' training.
"""

import functools
import threading
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from mesh.config import ConfigError
from mesh.errors import ErrorReason, MeshError
from mesh.onnx import open_session
from services.tts.config import TtsSettings
from services.tts.engines.espeak_library import espeak
from services.tts.engines.piper_config import PiperConfig, read_config
from services.tts.engines.piper_phonemes import Phoneme, from_espeak, from_text
from services.tts.engines.piper_times import estimated, measured
from services.tts.engines.thread import Emit, StreamingThreads
from services.tts.model import Delivery, SpeechChunk, Voice, WordTime
from services.tts.normalise import SpokenText, normalise

NAME = "piper"
_INPUTS = {"input", "input_lengths", "scales"}


def create(settings: TtsSettings) -> "PiperSynthesizer":
    """Return the engine; the entry point `piper` names this.

    Raises:
        ConfigError: when the folder holds no voice, or one that cannot be used.
    """
    folder = settings.tts_piper_voices or settings.cache_dir / "piper"
    models = sorted(folder.glob("**/*.onnx"))
    if not models:
        raise ConfigError(
            f"VOICEMESH_TTS_PIPER_VOICES: no Piper voice in {folder}; pull one with `voicemesh models pull`, or put "
            "NAME.onnx and NAME.onnx.json there"
        )
    voices = [PiperVoice(model, threads=settings.tts_piper_threads) for model in models]
    likeliest = next((v for v in voices if v.name == settings.tts_voice.partition("/")[0]), voices[0])
    try:
        likeliest.load()  # so that no caller waits for it
    except MeshError as error:
        raise ConfigError(f"VOICEMESH_TTS_PIPER_VOICES: {error.message}") from error
    return PiperSynthesizer(
        voices,
        workers=settings.tts_piper_workers,
        max_waiting=settings.tts_max_waiting,
    )


class PiperVoice:
    """One model file; loaded by `load` or at its first sentence, safe for use by many threads."""

    def __init__(self, model: Path, *, threads: int) -> None:
        self.name = model.name.removesuffix(".onnx")
        self.config: PiperConfig = read_config(model)
        self._model = model
        self._threads = threads
        self._loading = threading.Lock()
        self._session: Any = None
        status = model.stat()
        phonemes = version("espeakng-loader")
        self.revision = f"{phonemes} {status.st_size} {status.st_mtime_ns} {self.config.model_dump_json()}"

    def speak(self, spoken: SpokenText, speaker: int, rate: float, semitones: float) -> SpeechChunk:
        """Speak a text; blocks.

        Raises:
            MeshError: ENGINE_FAILED when the model cannot be loaded or run.
        """
        phonemes = self._phonemes(spoken)
        ids, owners = self.config.encode([phoneme.symbol for phoneme in phonemes])
        if not any(owner >= 0 for owner in owners):
            return SpeechChunk(np.zeros(0, np.float32))
        # The model knows no pitch: it speaks slower by the interval, and the audio is then played that much faster.
        interval = 2 ** (semitones / 12)
        audio, durations = self._infer(ids, speaker, interval / rate)
        if semitones:
            audio = soxr.resample(audio, interval, 1.0)
        return SpeechChunk(audio, tuple(self._times(phonemes, owners, durations, audio, spoken)))

    def _phonemes(self, spoken: SpokenText) -> list[Phoneme]:
        if self.config.phoneme_type == "text":
            return from_text(spoken)
        return from_espeak(spoken, functools.partial(espeak().phonemes, voice=self.config.espeak.voice))

    def _times(
        self,
        phonemes: Sequence[Phoneme],
        owners: Sequence[int],
        durations: NDArray[np.float32] | None,
        audio: NDArray[np.float32],
        spoken: SpokenText,
    ) -> list[WordTime]:
        rate_hz = self.config.audio.sample_rate
        if durations is not None:
            return measured(phonemes, owners, durations, audio.size / rate_hz, spoken.words)
        return estimated(phonemes, audio, rate_hz, spoken.words)

    def _infer(
        self, ids: list[int], speaker: int, length: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the audio and, where the model gives them, the durations of the ids."""
        session = self.load()
        scales = self.config.inference
        feed: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([scales.noise_scale, scales.length_scale * length, scales.noise_w], np.float32),
        }
        if "sid" in {node.name for node in session.get_inputs()}:
            feed["sid"] = np.array([speaker], np.int64)
        try:
            outputs = session.run(None, feed)
        except Exception as error:  # onnxruntime raises its own classes, which share no other base
            raise self._failed(f"failed on a text of {len(ids)} phoneme ids: {error}") from error
        audio = np.clip(np.asarray(outputs[0], np.float32).reshape(-1), -1.0, 1.0)
        durations = np.asarray(outputs[1], np.float32).reshape(-1) if len(outputs) > 1 else None
        if durations is not None and durations.size != len(ids):
            raise self._failed(f"gave {durations.size} durations for {len(ids)} phoneme ids")
        return audio, durations

    def load(self) -> Any:
        """Return the model's session, loaded at the first call.

        Raises:
            MeshError: ENGINE_FAILED when the file is no Piper model.
        """
        with self._loading:
            if self._session is None:
                try:
                    session = open_session(str(self._model), self._threads)
                except Exception as error:  # see above
                    raise self._failed(f"cannot be loaded: {error}") from error
                missing = _INPUTS - {node.name for node in session.get_inputs()}
                if missing:
                    raise self._failed(f"is no Piper model: it lacks the inputs {', '.join(sorted(missing))}")
                self._session = session
            return self._session

    def _failed(self, what: str) -> MeshError:
        return MeshError(
            ErrorReason.ERROR_REASON_ENGINE_FAILED,
            f"the Piper voice {self.name} {what}",
            metadata={"engine": NAME},
        )


class PiperSynthesizer:
    """Speaks with the voices of a folder. A voice of several speakers is asked for as NAME/SPEAKER."""

    def __init__(self, voices: Sequence[PiperVoice], *, workers: int, max_waiting: int) -> None:
        self._threads: StreamingThreads[SpeechChunk] = StreamingThreads(workers, max_waiting, name="piper")
        self._models = {voice.name: voice for voice in voices}
        self._voices = _catalogue(voices)

    @property
    def name(self) -> str:
        """The engine's name."""
        return NAME

    @property
    def voices(self) -> Sequence[Voice]:
        """The voices by name, each standing for its first speaker."""
        return self._voices

    def find(self, name: str) -> Voice | None:
        """Return a voice by its name, or one of its speakers as NAME/SPEAKER."""
        base, slash, speaker = name.partition("/")
        voice = next((voice for voice in self._voices if voice.name == base), None)
        if voice is None or not slash:
            return voice
        if self._models[base].config.speaker(speaker) is None:
            return None
        return replace(voice, name=name, default_for=())

    def synthesize(self, text: str, delivery: Delivery) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a sentence; its audio is one chunk, for the model computes it as a whole."""
        return self._threads.stream(functools.partial(self._speak, text, delivery))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._threads.close()

    def _speak(self, text: str, delivery: Delivery, emit: Emit[SpeechChunk]) -> None:
        base, _, speaker = delivery.voice.name.partition("/")
        voice = self._models[base]
        spoken = normalise(text, delivery.voice.languages[0])
        number = voice.config.speaker(speaker) or 0
        emit(voice.speak(spoken, number, delivery.rate, delivery.pitch_semitones))


def _catalogue(voices: Sequence[PiperVoice]) -> tuple[Voice, ...]:
    """Return the voices by name; the first of a language, and of its region, is the default for it."""
    served: set[str] = set()
    found = []
    for voice in sorted(voices, key=lambda voice: voice.name):
        tags = tuple(dict.fromkeys((voice.config.tag, voice.config.tag.split("-")[0])))
        default_for = tuple(tag for tag in tags if tag not in served)
        served.update(default_for)
        found.append(
            Voice(voice.name, NAME, tags, voice.config.audio.sample_rate, default_for, revision=voice.revision)
        )
    return tuple(found)
