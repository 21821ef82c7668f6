"""Puts a call's outcome together: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.dispositions.model import Appointment, CallOutcome, Mood
from services.dialogue.policy import NextStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.dialogue.dispositions.model import TurnFacts
    from services.dialogue.policy import Commitment, State

_ANSWERS = frozenset({"greet", "affirm", "deny", "unsure", "correct", "help", "repeat", "goodbye", "thank", "inform"})
"""Intents that answer or keep the talk going, and want nothing."""

_HANDED_OVER = {
    "en": "a person goes on with the caller",
    "es": "una persona sigue atendiendo la llamada",
}
"""What comes after a call that was handed over, by language."""


def assemble(
    turns: Sequence[TurnFacts], state: State | None, disposition: str, appointment: Appointment | None = None
) -> CallOutcome:
    """The outcome of a call.

    Args:
        turns: the caller's turns in their order.
        state: where the conversation stood last; None: it never began.
        disposition: the code it ended with.
        appointment: what its delivered turns made of one; None: nothing.
    """
    promised = [one for one in (state.commitments if state is not None else ()) if not _is_void(one, appointment)]
    return CallOutcome(
        entities=tuple(entity for turn in turns for entity in turn.entities),
        appointment=_completed(appointment, state),
        next_step=_next_step(state, disposition, turns),
        commitments=_once((*(one for turn in turns for one in turn.commitments), *promised)),
        sentiments=tuple(
            Mood(turn.turn_id, turn.start, turn.sentiment) for turn in turns if turn.sentiment is not None
        ),
        wishes=tuple(dict.fromkeys(turn.intent for turn in turns if turn.intent and turn.intent not in _ANSWERS)),
    )


def _completed(appointment: Appointment | None, state: State | None) -> Appointment | None:
    """What the event did not say of the appointment's service is what the caller's slots hold."""
    if appointment is None or appointment.service or state is None or appointment.state == "cancelled":
        return appointment
    held = state.slot("service")
    if held is None:
        return appointment
    return Appointment(appointment.state, held.value, appointment.date, appointment.time, appointment.time_zone)


def _is_void(promised: Commitment, appointment: Appointment | None) -> bool:
    """Whether what was promised for an appointment went with it."""
    if appointment is None or appointment.state != "cancelled" or not promised.due:
        return False
    return promised.due in {appointment.date, f"{appointment.date}T{appointment.time}"}


def _next_step(state: State | None, disposition: str, turns: Sequence[TurnFacts]) -> NextStep | None:
    """What the last task leads to; of a call that led nowhere, what the caller wants to do themselves."""
    if disposition == "handed_over":
        language = state.language.partition("-")[0].lower() if state is not None else ""
        return NextStep(_HANDED_OVER.get(language, _HANDED_OVER["en"]))
    if state is not None and state.next_step is not None and disposition != "opted_out":
        return state.next_step
    said = [one for turn in turns for one in turn.commitments]
    if not said:
        return None
    last = next((one for one in reversed(said) if one.due), said[-1])
    return NextStep(last.words, "caller", last.due)


def _once(commitments: Iterable[Commitment]) -> tuple[Commitment, ...]:
    """Each commitment once, as it was made first."""
    found: dict[tuple[str, str, str], Commitment] = {}
    for one in commitments:
        found.setdefault((one.by, one.words.casefold(), one.due), one)
    return tuple(found.values())
