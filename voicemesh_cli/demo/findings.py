"""What a demo run found, and the checklist that says whether it worked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicemesh_cli.demo.plan import SIX_SERVICES
from voicemesh_cli.telemetry import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from voicemesh.crm.v1.crm_pb2 import Record

    from voicemesh_cli.caller import CallReport
    from voicemesh_cli.demo.plan import Plan
    from voicemesh_cli.demo.published import PublishedEvent

CALL_EVENT = "CallCompleted"
CALL_RECORD = "interaction"
_WAV_HEADER_BYTES = 44


@dataclass(frozen=True)
class Step:
    """A step of the demo: whether it worked, and what was found."""

    title: str
    passed: bool
    found: str


@dataclass
class Findings:
    """Everything a run found. `seconds` says how long its parts took."""

    plan: Plan
    call: CallReport
    published: Sequence[PublishedEvent]
    records: Sequence[Record]
    trace: Trace = field(default_factory=lambda: Trace(()))
    seconds: dict[str, float] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        """The checklist."""
        return [*self._conversation(), *self._outcome(), *self._telemetry()]

    def _conversation(self) -> list[Step]:
        turns = self.call.turns
        recognised = [turn for turn in turns if turn.text]
        answered = [turn for turn in turns if turn.first_audio_s is not None]
        intents = [meaning.intent for turn in turns for meaning in turn.understood if meaning.intent]
        of_all = f"of {len(turns)} turns"
        disposition = self.call.disposition
        return [
            Step("speech was recognised", 0 < len(recognised) == len(turns), f"{len(recognised)} {of_all}"),
            Step(f"understood as {self.plan.intent}", self.plan.intent in intents, _joined(intents)),
            Step("answered by voice", 0 < len(answered) == len(turns), f"{len(answered)} {of_all}"),
            Step("the call came to its end", disposition is not None, disposition.code if disposition else "cut off"),
            Step("the call was recorded", _written(self.call.files), f"{len(self.call.files)} files"),
        ]

    def _outcome(self) -> list[Step]:
        types = [event.type for event in self.published]
        kinds = [record.kind for record in self.records]
        event, kind = self.plan.event, self.plan.record_kind
        titles = [record.title for record in self.records if record.kind == kind]
        return [
            Step(f"{event} was published", event in types, f"{types.count(event)} of {len(types)} events"),
            Step(f"{CALL_EVENT} was published once", types.count(CALL_EVENT) == 1, f"{types.count(CALL_EVENT)}"),
            Step(f"the database holds the {kind}", kind in kinds, titles[0] if titles else _joined(kinds)),
            Step(f"the database holds the {CALL_RECORD}", CALL_RECORD in kinds, f"{len(kinds)} records"),
        ]

    def _telemetry(self) -> list[Step]:
        services, tops = self.trace.services, self.trace.tops
        heard = [name for name in SIX_SERVICES if any(service.startswith(name) for service in services)]
        silent = [name for name in SIX_SERVICES if name not in heard]
        spans = f"{len(self.trace.spans)} spans"
        loose = "" if self.trace.connected else f", {len(tops)} beginnings: {_joined([top.name for top in tops])}"
        return [
            Step("one connected trace", self.trace.connected, spans + loose),
            Step("spans of all six services", not silent, f"lacks {_joined(silent)}" if silent else _joined(heard)),
        ]

    def document(self) -> dict[str, Any]:
        """The run as one document."""
        steps = self.steps()
        return {
            "ok": all(step.passed for step in steps),
            "steps": [{"title": step.title, "ok": step.passed, "found": step.found} for step in steps],
            "call": self.call.document(),
            "events": [{"type": e.type, "subject": e.subject, "id": e.event_id} for e in self.published],
            "records": [
                {"kind": r.kind, "record_id": r.record_id, "title": r.title, "fields": dict(r.fields)}
                for r in self.records
            ],
            "trace": {
                "trace_id": self.trace.spans[0].trace_id if self.trace.spans else "",
                "spans": len(self.trace.spans),
                "services": sorted(self.trace.services),
                "connected": self.trace.connected,
            },
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
        }


def _joined(names: Sequence[str]) -> str:
    """The names in order, each once; "none" for none."""
    return ", ".join(dict.fromkeys(names)) or "none"


def _written(files: Mapping[str, Path]) -> bool:
    """Whether there are files, each with more than a WAV header."""
    return bool(files) and all(path.is_file() and path.stat().st_size > _WAV_HEADER_BYTES for path in files.values())
