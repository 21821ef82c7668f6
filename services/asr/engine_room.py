"""What all streams of the process share: the engine, the detector and the threads they run on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh import telemetry
from mesh.errors import ErrorReason, MeshError
from services.asr import metrics
from services.asr.model import SAMPLE_RATE_HZ, IncrementalRecognizer, Recognition, Recognizer, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh.executor import InferenceExecutor
    from services.asr.detector import Detector
    from services.asr.load import Budget, Load
    from services.asr.model import Configure, Samples

_tracer = telemetry.tracer(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recognition and the seconds it took to compute."""

    recognition: Recognition
    compute_s: float


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """The engine and the detector, each with an executor of its own so that neither waits for the other."""

    recognizer: Recognizer
    executor: InferenceExecutor
    detector: Detector
    load: Load
    partials: Budget

    def begin(self) -> Voice:
        """Return the engine's side of a new utterance."""
        return Voice(self.recognizer)

    async def decode(
        self, kind: str, voice: Voice, samples: Samples, config: Configure, *, speculative: bool = False
    ) -> Decoded:
        """Return what the samples say, computed on a thread; ``kind`` is "partial", "final" or "file".

        What belongs to a recording ("file") takes a thread only when no conversation needs it.

        Raises ``MeshError``: OVERLOADED when too many wait, ENGINE_FAILED when the engine fails.
        """
        seconds = len(samples) / SAMPLE_RATE_HZ
        with _tracer.start_as_current_span(
            f"asr.{kind}",
            attributes={"asr.engine": self.recognizer.name, "asr.audio_s": seconds, "asr.speculative": speculative},
        ) as span:
            run = self.executor.run_spare if kind == "file" else self.executor.run
            asked = time.perf_counter()
            decoded = await run(_timed, voice, samples, config, want_words=kind != "partial")
            if kind == "final":
                waited = max(0.0, time.perf_counter() - asked - decoded.compute_s)
                metrics.FINAL_WAIT_SECONDS.observe(waited)
                self.load.waited(waited)
            span.set_attribute("asr.compute_s", decoded.compute_s)
        metrics.DECODE_SECONDS.labels(kind).observe(decoded.compute_s)
        return decoded

    def check_language(self, language: str) -> None:
        """Raise ``MeshError(UNRECOGNIZED_LANGUAGE)`` unless the engine speaks the BCP 47 tag's language."""
        wanted = language.lower()
        if any(wanted == known or wanted.startswith(f"{known}-") for known in map(str.lower, self._languages)):
            return
        supported = ", ".join(self._languages)
        raise MeshError(
            ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE,
            f"the engine {self.recognizer.name} does not recognise {language!r}; use one of: {supported}",
            metadata={"language": language, "supported": supported},
        )

    @property
    def _languages(self) -> list[str]:
        return list(self.recognizer.languages)


class Voice:
    """An engine's side of one utterance, whichever kind of engine it is. Its methods block."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._lock = threading.Lock()
        self._utterance: Utterance | None = None
        self._given = 0

    def transcribe(self, samples: Samples, config: Configure, *, want_words: bool) -> Recognition:
        """Ask the engine; one call at a time where the engine keeps state. Raises ENGINE_FAILED."""
        try:
            if not isinstance(self._recognizer, IncrementalRecognizer):
                return self._ask(self._recognizer.transcribe, samples, config, want_words=want_words)
            with self._lock:
                # Overtaken by a later, longer request; nobody waits for this answer any more.
                if len(samples) < self._given:
                    return Recognition("")
                self._given = len(samples)
                self._utterance = self._utterance or self._recognizer.begin()
                return self._ask(self._utterance.transcribe, samples, config, want_words=want_words)
        except MeshError:
            raise
        except Exception as error:
            raise MeshError(
                ErrorReason.ERROR_REASON_ENGINE_FAILED,
                f"the engine {self._recognizer.name} failed on this audio ({type(error).__name__}); try again, "
                "and see the service's log if it stays so",
                metadata={"engine": self._recognizer.name},
            ) from error

    def close(self) -> None:
        """Let go of what the utterance holds."""
        with self._lock:
            if self._utterance is not None:
                self._utterance.close()
                self._utterance = None

    @property
    def needs_closing(self) -> bool:
        """Whether there is anything to let go of."""
        return self._utterance is not None

    @staticmethod
    def _ask(
        transcribe: Callable[..., Recognition], samples: Samples, config: Configure, *, want_words: bool
    ) -> Recognition:
        return transcribe(samples, phrases=config.phrases, language=config.language, want_words=want_words)


def _timed(voice: Voice, samples: Samples, config: Configure, *, want_words: bool) -> Decoded:
    began = time.perf_counter()
    recognition = voice.transcribe(samples, config, want_words=want_words)
    return Decoded(recognition, time.perf_counter() - began)
