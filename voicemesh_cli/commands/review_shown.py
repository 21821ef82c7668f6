"""How `voicemesh review` shows drafts: in a line, wholly, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from rich.text import Text
from voicemesh.crm.v1 import crm_pb2

from mesh.durations import seconds
from voicemesh_cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from voicemesh.common.v1.review_pb2 import DoubtfulField
    from voicemesh.crm.v1 import review_pb2 as drafts

_WIDTH = 8
_COLOURS = {"draft": "yellow", "reviewed": "cyan", "applied": "green", "rejected": "red"}


def document(draft: drafts.Draft) -> dict[str, Any]:
    """A draft as JSON shows it: names as in the contract, states in lower case, lengths of time in seconds."""
    made: dict[str, Any] = MessageToDict(draft, preserving_proto_field_name=True)
    made |= {"id": draft.id, "version": draft.version, "age_s": round(seconds(draft.age), 3)}
    made.pop("age", None)
    made["record"]["state"] = state(draft.record.state)
    if draft.HasField("audio_offset"):
        made["audio_offset_s"] = round(seconds(draft.audio_offset), 3)
        made.pop("audio_offset")
    return made | {"overdue": _overdue(draft)}


def step_document(step: drafts.DraftStep) -> dict[str, Any]:
    """A step of its history as JSON shows it."""
    made: dict[str, Any] = MessageToDict(step, preserving_proto_field_name=True)
    return made | {"version": step.version, "old_state": state(step.old_state), "new_state": state(step.new_state)}


def state(number: int) -> str:
    """A state's name; empty for none."""
    return crm_pb2.RecordState.Name(number).removeprefix("RECORD_STATE_").lower() if number else ""  # type: ignore[arg-type]


def told(draft: drafts.Draft) -> Text:
    """What became of a draft, in a sentence."""
    done = {
        crm_pb2.RECORD_STATE_APPLIED: f"is in {draft.vendor}",
        crm_pb2.RECORD_STATE_REVIEWED: f"is on its way to {draft.vendor}",
        crm_pb2.RECORD_STATE_REJECTED: "is rejected: it is not written",
    }
    text = done.get(draft.record.state, f"is {state(draft.record.state)}")
    return Text.assemble((str(draft.id), "bold"), f" {text}: {draft.record.title}")


def print_line(out: output.Output, draft: drafts.Draft) -> None:
    """Number, kind and age in a line; its title and what is doubtful below."""
    name = state(draft.record.state)
    late = " overdue" if _overdue(draft) else ""
    line = Text.assemble(
        (draft.record.kind, "bold"), f" for {draft.vendor} ", (name, _COLOURS.get(name, "")),
        f", {_span(seconds(draft.age))}", (late, "red"),
    )  # fmt: skip
    output.print_beside(out.console, Text(str(draft.id)), line, _WIDTH)
    for text in (Text(draft.record.title), Text(", ".join(map(_doubt, draft.doubts)), "yellow")):
        if text:
            output.print_beside(out.console, Text(), text, _WIDTH)


def print_whole(out: output.Output, draft: drafts.Draft, steps: Sequence[drafts.DraftStep]) -> None:
    """A draft with its values, its doubts, where it was said, and its history."""
    print_line(out, draft)
    doubted = {doubt.field for doubt in draft.doubts}
    for name, value in sorted(draft.record.fields.items()):
        _print(out, Text.assemble((name, "yellow" if name in doubted else "dim"), " ", value))
    for name, value in _where(draft).items():
        if value:
            _print(out, Text.assemble((name, "dim"), " ", value))
    for step in steps:
        _print(out, _step(step))
        for change in step.changes:
            old, new = change.old_value or "nothing", change.new_value or "nothing"
            _print(out, Text(f"  {change.field}: {old} -> {new}"))
    if draft.record.state == crm_pb2.RECORD_STATE_DRAFT:
        number = draft.id
        advice = f"voicemesh review confirm {number}, override {number} FIELD=VALUE, or reject {number}"
        _print(out, Text(advice, "dim"))


def _print(out: output.Output, text: Text) -> None:
    output.print_beside(out.console, Text(), text, _WIDTH)


def _where(draft: drafts.Draft) -> dict[str, str]:
    place = f" at {_clock(seconds(draft.audio_offset))}" if draft.HasField("audio_offset") else ""
    return {
        "session": draft.record.session_id,
        "turn": f"{draft.turn_id}{place}" if draft.turn_id or place else "",
        "transcript": draft.transcript.uri or draft.transcript_reference,
        "audio": draft.audio.uri,
        "contact": draft.record.contact_id,
        "decide by": _when(draft.due_at),
        "may change": ", ".join(f"{field.name} ({field.type})" for field in draft.editable_fields),
    }


def _step(step: drafts.DraftStep) -> Text:
    name = state(step.new_state)
    note = f": {step.note}" if step.note else ""
    return Text.assemble(_when(step.at), " ", (name, _COLOURS.get(name, "")), f" by {step.by}{note}")


def _doubt(doubt: DoubtfulField) -> str:
    what = doubt.field or "what was meant"
    # 99.9% and 100% are not the same.
    return f"{what} is {100 * doubt.confidence:.3g}% sure, and should be {100 * doubt.threshold:.3g}%"


def _overdue(draft: drafts.Draft) -> bool:
    waits = draft.record.state == crm_pb2.RECORD_STATE_DRAFT
    return bool(waits and draft.due_at.ToDatetime(UTC) < datetime.now(UTC))


def _when(at: Timestamp) -> str:
    return at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _clock(at_s: float) -> str:
    minutes, rest = divmod(at_s, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _span(length_s: float) -> str:
    """A length of time as a person says it: its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if length_s >= size:
            return f"{length_s / size:.1f} {unit}"
    return f"{length_s:.0f} s"
