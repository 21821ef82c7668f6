"""A call's outcome for a person and for scripts: what was agreed, who promised what, how the caller felt."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import voicemesh_client as sdk


def outcome_lines(disposition: sdk.Disposition) -> list[tuple[str, str]]:
    """What is known beside code and summary, a label and a text each; none for a call that came to nothing."""
    outcome = disposition.outcome
    if outcome is None:
        return []
    lines: list[tuple[str, str]] = []
    unserved = [wish for wish in outcome.wishes if wish not in disposition.intents]
    if unserved:
        lines.append(("also wanted", ", ".join(unserved)))
    made = outcome.appointment
    if made is not None:
        details = " ".join(part for part in (made.service, made.date, made.time, made.time_zone) if part)
        lines.append(("appointment", f"{made.state}: {details}" if details else made.state))
    if outcome.next_step is not None:
        lines.append(("next step", f"{outcome.next_step.what}{_due(outcome.next_step.due)}"))
    lines += [(f"{one.by} promised", f"{one.words}{_due(one.due)}") for one in outcome.commitments]
    if outcome.sentiments:
        moods = "  ".join(f"{mood.at:.1f} s {mood.score:+.2f}" for mood in outcome.sentiments)
        lines.append(("sentiment", moods))
    return lines


def outcome_document(disposition: sdk.Disposition) -> dict[str, Any] | None:
    """The outcome as JSON; null where the mesh did not tell it."""
    return None if disposition.outcome is None else dataclasses.asdict(disposition.outcome)


def _due(due: str) -> str:
    return f" ({due.replace('T', ' ')})" if due else ""
