"""What an action came to, and when it has to be asked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.flow.schema import Call
from services.dialogue.flow.spoken import normal_value
from services.dialogue.flow.variables import to_text
from services.dialogue.policy import Slot

if TYPE_CHECKING:
    from services.dialogue.flow.turn import Turn
    from services.dialogue.policy import ActionResult


def take_result(turn: Turn, step: Call, result: ActionResult) -> None:
    """Put the result where the step wants it and go on; a result that does not fit is a failure."""
    filled = () if result.error else _filled(turn, step, result)
    if filled is None or result.error:
        turn.drop(name for name, _ in step.into)
        if step.failed_at is None:
            turn.phrase("no_luck")
            turn.give_to_person("action_failed")
        else:
            turn.go_to(step.failed_at)
        return
    for slot in filled:
        turn.assign(slot)
    if turn.frame is not None:
        turn.go_to(turn.frame.step + 1)


def _filled(turn: Turn, step: Call, result: ActionResult) -> tuple[Slot, ...] | None:
    """The slots and variables as the result fills them; None: a field is missing or of another type."""
    slots: list[Slot] = []
    for name, field in step.into:
        variable, raw = turn.script.variables.get(name), result.values.get(field)
        spec = turn.script.slots.get(name)
        if raw is None:
            return None
        kind = variable.type if variable is not None else spec.type if spec is not None else "text"
        value = to_text(kind, raw) if variable is not None else normal_value(kind, raw)
        if value is None or (spec is not None and spec.values and value not in spec.values):
            return None
        slots.append(Slot(name, value, type=kind))
    return tuple(slots)


def look_again(turn: Turn) -> None:
    """Go back to a finished lookup whose arguments the caller has changed since, the earliest of them.

    What has an effect is not repeated, nor is anything before it: a flow that has acted stays where it is.
    """
    frame, flow = turn.frame, turn.flow
    if frame is None or flow is None or frame.acted or not turn.changed:
        return
    for index, step in enumerate(flow.program[: frame.step]):
        if isinstance(step, Call) and step.reads & set(turn.changed) and _is_done(turn, step):
            turn.drop(name for name, _ in step.into)
            turn.go_to(index)
            return


def _is_done(turn: Turn, step: Call) -> bool:
    """Whether a lookup has brought something; one without a result has nothing to bring up to date."""
    return bool(step.into) and all(turn.state.slot(name) is not None for name, _ in step.into)
