"""What the open question makes likely, for the understanding of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.flow.schema import Ask, Confirm
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_DETAIL, WAIT_SLOT, WAIT_SWITCH
from services.dialogue.policy import Expectation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.turn import Turn


def awaited_slot(turn: Turn) -> str:
    """The slot the open question asks for; empty: it asks for something else."""
    if turn.state.mode in {WAIT_SLOT, WAIT_CHOICE}:
        return turn.state.target
    step = turn.instruction
    return step.slot if not turn.state.mode and isinstance(step, Ask) else ""


def summary_step(turn: Turn) -> Confirm | None:
    """The confirmation the running flow stands at, if it is what the caller answers."""
    step = turn.instruction
    other = {WAIT_SLOT, WAIT_CHOICE, WAIT_SWITCH}
    return step if isinstance(step, Confirm) and turn.state.mode not in other else None


def expectation(turn: Turn) -> Expectation:
    """Likely intents and entity types, the likeliest first."""
    if turn.state.mode == WAIT_SWITCH:
        return Expectation(("affirm", "deny"))
    flow, step = turn.flow, summary_step(turn)
    if flow is None:
        started = tuple(turn.script.by_intent)
        ending = ("deny", "goodbye", "thank", "affirm") if turn.state.served else ("greet",)
        tasks = [slot for each in turn.script.flows.values() for slot in each.slots]
        return Expectation((*ending, *started) if turn.state.served else (*started, *ending), _types(turn, tasks))
    if step is not None:
        yes_no = ("correct", "inform", "deny") if turn.state.mode == WAIT_DETAIL else ("affirm", "deny", "correct")
        return Expectation((*yes_no, "goodbye"), _types(turn, (*step.slots, *flow.slots)))
    awaited = awaited_slot(turn)
    empty = [name for name in flow.slots if turn.state.slot(name) is None]
    return Expectation(
        ("inform", "correct", *flow.intents, "repeat", "help"),
        _types(turn, (*([awaited] if awaited else ()), *empty, *flow.slots)),
    )


def _types(turn: Turn, names: Iterable[str]) -> tuple[str, ...]:
    types = (turn.script.slots[name].type for name in names)
    return tuple(dict.fromkeys(kind for kind in types if kind != "text"))
