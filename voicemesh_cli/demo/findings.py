"""What a demo run found, and the checklist that says whether it worked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicemesh_cli.demo.plan import SIX_SERVICES
from voicemesh_cli.demo.stages import stages_ms
from voicemesh_cli.telemetry import Trace
from voicemesh_client import events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voicemesh.crm.v1.crm_pb2 import Record

    from voicemesh_cli.demo.plan import Plan
    from voicemesh_cli.demo.published import PublishedEvent

CALL_EVENT = "CallCompleted"
CALL_RECORD = "interaction"


@dataclass(frozen=True)
class Step:
    """A step of the demo: whether it worked, and what was found."""

    title: str
    passed: bool
    found: str


@dataclass
class Notebook:
    """The session's events, written down as they come."""

    session_id: str = ""
    transcripts: list[events.Transcript] = field(default_factory=list)
    meanings: list[events.Understanding] = field(default_factory=list)
    replies: list[events.AgentTurn] = field(default_factory=list)
    endings: list[events.AgentTurnEnded] = field(default_factory=list)
    audio_bytes: int = 0
    ended: events.SessionEnded | None = None

    def observe(self, event: events.Event) -> None:
        """Write an event down; of partial transcripts nothing is kept."""
        if isinstance(event, events.SessionStarted):
            self.session_id = event.session_id
        elif isinstance(event, events.Transcript) and event.is_final:
            self.transcripts.append(event)
        elif isinstance(event, events.Understanding):
            self.meanings.append(event)
        elif isinstance(event, events.AgentTurn):
            self.replies.append(event)
        elif isinstance(event, events.AgentTurnEnded):
            self.endings.append(event)
        elif isinstance(event, events.AgentAudio):
            self.audio_bytes += len(event.data)
        elif isinstance(event, events.SessionEnded):
            self.ended = event

    def turns(self) -> list[dict[str, Any]]:
        """The caller's turns as a document: words, intent, slots, reply, latency by stage in milliseconds."""
        meanings = {meaning.turn_id: meaning for meaning in self.meanings}
        replies = {reply.in_reply_to: reply for reply in self.replies}
        latencies = {ending.turn_id: ending.latency for ending in self.endings}
        documents = []
        for said in self.transcripts:
            meaning, reply = meanings.get(said.turn_id), replies.get(said.turn_id)
            latency = latencies.get(reply.turn_id) if reply else None
            documents.append(
                {
                    "turn_id": said.turn_id,
                    "text": said.text,
                    "confidence": said.confidence,
                    "start_s": said.start,
                    "end_s": said.end,
                    "intent": meaning.intent if meaning else "",
                    "slots": {slot.name: slot.value for slot in meaning.slots} if meaning else {},
                    "reply": reply.text if reply else "",
                    "latency_ms": stages_ms(latency) if latency else None,
                }
            )
        return documents


@dataclass
class Findings:
    """Everything a run found; what was not reached stays empty."""

    plan: Plan
    notebook: Notebook = field(default_factory=Notebook)
    published: Sequence[PublishedEvent] = ()
    records: Sequence[Record] = ()
    trace: Trace = field(default_factory=lambda: Trace(()))
    files: dict[str, Path] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        """The checklist."""
        notebook, plan = self.notebook, self.plan
        intents = [meaning.intent for meaning in notebook.meanings if meaning.intent]
        types = [event.type for event in self.published]
        kinds = [record.kind for record in self.records]
        heard = [name for name in SIX_SERVICES if any(s.startswith(name) for s in self.trace.services)]
        silent = [name for name in SIX_SERVICES if name not in heard]
        ended = notebook.ended
        return [
            Step("speech was recognised", bool(notebook.transcripts), f"{len(notebook.transcripts)} turns"),
            Step(f"understood as {plan.intent}", plan.intent in intents, ", ".join(dict.fromkeys(intents))),
            Step("the agent spoke", notebook.audio_bytes > 0, f"{len(notebook.replies)} turns"),
            Step("the call came to its end", ended is not None, ended.disposition.code if ended else "cut off"),
            Step(f"{plan.event} was published", plan.event in types, f"{types.count(plan.event)} of {len(types)}"),
            Step(f"{CALL_EVENT} was published", CALL_EVENT in types, f"{types.count(CALL_EVENT)} of {len(types)}"),
            Step(f"the database holds the {plan.record_kind}", plan.record_kind in kinds, _title(self, plan)),
            Step("the database holds the interaction", CALL_RECORD in kinds, f"{len(kinds)} records"),
            Step("one connected trace", self.trace.connected, f"{len(self.trace.spans)} spans"),
            Step("spans of all six services", not silent, f"lacks {', '.join(silent)}" if silent else ", ".join(heard)),
            Step("the call was recorded", _written(self.files), f"{len(self.files)} files"),
        ]

    def document(self) -> dict[str, Any]:
        """The run as one document."""
        steps = self.steps()
        return {
            "ok": all(step.passed for step in steps),
            "domain": self.plan.domain,
            "session_id": self.notebook.session_id,
            "steps": [{"title": step.title, "ok": step.passed, "found": step.found} for step in steps],
            "turns": self.notebook.turns(),
            "disposition": self.notebook.ended.disposition.code if self.notebook.ended else None,
            "events": [{"type": e.type, "subject": e.subject, "id": e.event_id} for e in self.published],
            "records": [
                {"kind": r.kind, "record_id": r.record_id, "title": r.title, "fields": dict(r.fields)}
                for r in self.records
            ],
            "trace": {"spans": len(self.trace.spans), "services": sorted(self.trace.services)},
            "files": {name: str(path) for name, path in self.files.items()},
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
        }


def _title(findings: Findings, plan: Plan) -> str:
    return next((record.title for record in findings.records if record.kind == plan.record_kind), "none")


def _written(files: dict[str, Path]) -> bool:
    """Whether every file is there and holds more than a WAV header."""
    return bool(files) and all(path.is_file() and path.stat().st_size > 44 for path in files.values())
