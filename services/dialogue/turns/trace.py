"""How long a turn's answer took, stage by stage: as figures for the client and as spans for the SRE.

Stages may have run before the turn was known to be over. A figure is what the caller waited for: the part of the
stage that passed after the turn was final. A span has the stage's true times.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from opentelemetry import trace

from mesh import telemetry
from services.dialogue import metrics
from services.dialogue.model import Latency

_tracer = telemetry.tracer(__name__)


class TurnTrace:
    """Follows one turn from the caller's last voiced sample to the agent's first audio. Moments in seconds.

    Args:
        spoken_until: when the last voiced sample had arrived.
        ended: when the recogniser decided that the utterance was over.
        now: the clock both were read from.
    """

    def __init__(self, *, spoken_until: float, ended: float, now: Callable[[], float]) -> None:
        self._now = now
        self._spoken_until = spoken_until
        self._ended = ended
        self._final = now()
        self._stages = {
            "endpointing": max(0.0, ended - spoken_until),
            "transcription": max(0.0, self._final - ended),
        }
        self._span: trace.Span = trace.INVALID_SPAN
        self._total: float | None = None
        self._prepared = False
        self.context = trace.set_span_in_context(trace.INVALID_SPAN)

    def begin(self, turn_id: str, session_id: str) -> None:
        """Begin the turn's span; it began when the caller fell silent and ends with the first audio."""
        self._span = _tracer.start_span(
            "turn",
            start_time=self._wall_ns(self._spoken_until),
            attributes={"voicemesh.turn_id": turn_id, "voicemesh.session_id": session_id},
        )
        self.context = trace.set_span_in_context(self._span)
        self._past("turn.endpointing", self._spoken_until, self._ended)
        self._past("turn.transcribe", self._ended, self._final)

    def current(self) -> AbstractContextManager[trace.Span]:
        """Make the turn's span the parent of what is done meanwhile."""
        return trace.use_span(self._span)

    def stage(self, span_name: str, stage: str, began: float, ended: float) -> None:
        """Take down a stage that is over."""
        self._past(span_name, began, ended)
        self._stages[stage] = max(0.0, ended - max(began, self._final))

    def prepared(self) -> None:
        """The answer was there before the turn was known to be over."""
        self._prepared = True

    def close(self) -> None:
        """End the turn's span, if the answer never began."""
        if self._total is None:
            self._span.set_attribute("voicemesh.interrupted", value=True)
            self._span.end()

    def answered(self, began: float, made: float) -> None:
        """The first audio of the answer is being sent: the turn's span ends.

        Args:
            began: when the voice began to make it.
            made: when the voice had made it.
        """
        now = self._now()
        self._total = now - self._spoken_until
        self._stages["synthesis"] = max(0.0, now - max(began, self._final))
        self._past("turn.synthesise", began, made)
        for stage, seconds in self._stages.items():
            self._span.set_attribute(f"voicemesh.{stage}_ms", round(seconds * 1000, 2))
            metrics.STAGE_SECONDS.labels(stage).observe(seconds)
        self._span.set_attribute("voicemesh.prepared", self._prepared)
        metrics.TURN_SECONDS.observe(self._total)
        self._span.end()

    def latency(self) -> Latency | None:
        """The figures; None before the first audio."""
        if self._total is None:
            return None
        return Latency(**self._stages, total=self._total, prepared=self._prepared)

    def _past(self, name: str, began: float, ended: float) -> None:
        _tracer.start_span(name, context=self.context, start_time=self._wall_ns(began)).end(self._wall_ns(ended))

    def _wall_ns(self, moment: float) -> int:
        return time.time_ns() - int((self._now() - moment) * 1e9)
