"""What the open question waits for, and what it makes likely for the understanding of the answer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from services.dialogue.flow.schema import Ask, Confirm
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_DETAIL, WAIT_LEAVE, WAIT_SLOT, WAIT_SWITCH
from services.dialogue.policy import Expectation, TurnTaking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.turn import Turn


def awaited_slot(turn: Turn) -> str:
    """The slot the open question asks for; empty: it asks for something else."""
    if turn.state.mode in {WAIT_SLOT, WAIT_CHOICE}:
        return turn.state.target
    step = turn.instruction
    return step.slot if not turn.state.mode and isinstance(step, Ask) else ""


def awaits_text(turn: Turn) -> bool:
    """Whether the open question is answered by a whole sentence."""
    slot = awaited_slot(turn)
    return bool(slot) and turn.script.slots[slot].type == "text"


def summary_step(turn: Turn) -> Confirm | None:
    """The confirmation the running flow stands at, if it is what the caller answers with yes or no."""
    step = turn.instruction
    return step if isinstance(step, Confirm) and turn.state.mode in {"", WAIT_LEAVE} else None


def wanted_slots(turn: Turn) -> tuple[str, ...]:
    """Slots of the running flow and of those that called it, up to the one it interrupts."""
    names: list[str] = []
    for frame in reversed(turn.state.frames):
        names.extend(turn.script.flows[frame.flow].slots)
        if frame.digression:
            break
    return tuple(dict.fromkeys(names))


def names_one_of(turn: Turn, slots: Iterable[str]) -> bool:
    """Whether the turn has an entity of one of these slots' types."""
    types = {turn.script.slots[name].type for name in slots}
    return any(entity.type in types for entity in turn.heard.entities)


def expectation(turn: Turn) -> Expectation:
    """What the open question waits for: likely intents and entity types, and the form of a whole answer."""
    step = turn.instruction
    taking = (step.turn_taking if isinstance(step, Ask | Confirm) else None) or TurnTaking()
    domain = turn.script.settings.turn_taking
    return dataclasses.replace(_awaited(turn), turn_taking=taking if domain is None else taking.over(domain))


def _awaited(turn: Turn) -> Expectation:
    flow = turn.flow
    if turn.state.mode == WAIT_SWITCH:
        return Expectation(("affirm", "deny"), yes_no=True, keys=1)
    if flow is None:
        return _between_tasks(turn)
    if turn.state.mode == WAIT_DETAIL:
        return Expectation(("correct", "inform", "deny"), _types(turn, wanted_slots(turn)))
    step = summary_step(turn)
    if step is not None:
        types = _types(turn, (*step.slots, *step.also, *flow.slots))
        return Expectation(("affirm", "deny", "correct", "goodbye"), types, yes_no=True, keys=1)
    awaited = awaited_slot(turn)
    empty = [name for name in flow.slots if turn.state.slot(name) is None]
    types = _types(turn, (*([awaited] if awaited else ()), *empty, *flow.slots))
    spec = turn.script.slots[awaited] if awaited else None
    return Expectation(
        ("inform", "correct", *flow.intents, "repeat", "help"),
        types,
        characters=spec.characters if spec is not None and turn.state.mode != WAIT_CHOICE else None,
        text=awaits_text(turn),
        words=spec.words if spec is not None else None,
        keys=1 if choices(turn) else None,
    )


def choices(turn: Turn) -> tuple[str, ...]:
    """The values the open question lets the caller choose between, in their order; at most nine have a key."""
    if turn.state.mode == WAIT_CHOICE:
        return turn.state.choices[:9]
    slot = awaited_slot(turn)
    return tuple(turn.script.slots[slot].values)[:9] if slot else ()


def _between_tasks(turn: Turn) -> Expectation:
    started = tuple(turn.script.by_intent)
    served = turn.state.served
    intents = ("deny", "goodbye", "thank", "affirm", *started) if served else (*started, "greet", "help")
    return Expectation(intents, _types(turn, [slot for flow in turn.script.flows.values() for slot in flow.slots]))


def _types(turn: Turn, names: Iterable[str]) -> tuple[str, ...]:
    types = (turn.script.slots[name].type for name in names)
    return tuple(dict.fromkeys(kind for kind in types if kind != "text"))
