"""How long a turn's answer took, stage by stage: as figures for the client and as spans for the SRE."""

import contextlib
import time
from collections.abc import Callable, Iterator

from opentelemetry import trace

from mesh import telemetry
from services.dialogue import metrics
from services.dialogue.model import Latency

_tracer = telemetry.tracer(__name__)


class TurnTrace:
    """Follows one turn from the caller's last voiced sample to the agent's first audio.

    Args:
        spoken_until: when the last voiced sample had arrived.
        ended: when the recogniser decided that the utterance was over.
        now: the clock both were read from, in seconds.
    """

    def __init__(self, *, spoken_until: float, ended: float, now: Callable[[], float]) -> None:
        self._now = now
        self._spoken_until = spoken_until
        self._ended = ended
        self._stages = {"endpointing": max(0.0, ended - spoken_until)}
        self._span: trace.Span = trace.INVALID_SPAN
        self._answering_since: float | None = None
        self._total: float | None = None

    def transcribed(self) -> None:
        """The final transcript is there."""
        self._stages["transcription"] = max(0.0, self._now() - self._ended)

    @contextlib.contextmanager
    def span(self, turn_id: str, session_id: str) -> Iterator[None]:
        """Make the turn's span current; it began when the caller fell silent and ends with the first audio."""
        transcribed = self._ended + self._stages.get("transcription", 0.0)
        self._span = _tracer.start_span(
            "turn",
            start_time=self._wall_ns(self._spoken_until),
            attributes={"voicemesh.turn_id": turn_id, "voicemesh.session_id": session_id},
        )
        try:
            with trace.use_span(self._span):
                self._past("turn.endpointing", self._spoken_until, self._ended)
                self._past("turn.transcribe", self._ended, transcribed)
                yield
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def stage(self, span_name: str, stage: str) -> Iterator[None]:
        """Time a stage and make its span."""
        began = self._now()
        with _tracer.start_as_current_span(span_name):
            yield
        self._stages[stage] = self._now() - began
        self._answering_since = self._now()

    def close(self) -> None:
        """End the turn's span, if the answer never began."""
        if self._total is None:
            self._span.set_attribute("voicemesh.interrupted", value=True)
            self._span.end()

    def answered(self) -> None:
        """The first audio of the answer is being sent: the turn's span ends."""
        now = self._now()
        since = self._answering_since if self._answering_since is not None else now
        self._stages["synthesis"] = now - since
        self._total = now - self._spoken_until
        with trace.use_span(self._span):
            self._past("turn.synthesise", since, now)
        for stage, seconds in self._stages.items():
            self._span.set_attribute(f"voicemesh.{stage}_ms", round(seconds * 1000, 2))
            metrics.STAGE_SECONDS.labels(stage).observe(seconds)
        metrics.TURN_SECONDS.observe(self._total)
        self._span.end()

    def latency(self) -> Latency | None:
        """The figures; None before the first audio."""
        return None if self._total is None else Latency(**self._stages, total=self._total)

    def _past(self, name: str, began: float, ended: float) -> None:
        _tracer.start_span(name, start_time=self._wall_ns(began)).end(self._wall_ns(ended))

    def _wall_ns(self, moment: float) -> int:
        return time.time_ns() - int((self._now() - moment) * 1e9)
