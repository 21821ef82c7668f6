"""Telephone keys as answers: they fill the slots that speech fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.dialogue.flow.expect import awaited_slot, choices
from services.dialogue.flow.turn import WAIT_SWITCH
from services.dialogue.policy import Entity, Understanding

if TYPE_CHECKING:
    from services.dialogue.flow.schema import SlotSpec
    from services.dialogue.flow.turn import Turn

_CERTAIN: Final = 1.0
_NUMBERS: Final = ("number", "phone", "order_number")
_YES, _NO, _REPEAT, _PERSON = "1", "2", "*", "0"


def read_keys(turn: Turn, keys: str, *, yes_no: bool) -> Understanding:
    """What keys mean as the answer to the open question.

    In this order: `*` asks to hear it again; a choice is made by its place, counted from 1; a number is the digits
    themselves; a time is four digits; 1 is yes and 2 is no to a question for one; `0` asks for a person.
    """
    if keys == _REPEAT:
        return _intent(keys, "repeat")
    entity = _chosen(turn, keys) or _number(turn, keys)
    if entity is not None:
        return Understanding(keys, "inform", _CERTAIN, entities=(entity,))
    if yes_no and keys in {_YES, _NO}:
        return _intent(keys, "affirm" if keys == _YES else "deny")
    if keys == _PERSON:
        return _intent(keys, "human")
    return Understanding(keys, out_of_scope=True)


def _intent(keys: str, intent: str) -> Understanding:
    return Understanding(keys, intent, _CERTAIN)


def _chosen(turn: Turn, keys: str) -> Entity | None:
    offered = choices(turn)
    slot = awaited_slot(turn)
    if not slot or turn.state.mode == WAIT_SWITCH or not keys.isdigit() or not 1 <= int(keys) <= len(offered):
        return None
    return _entity(turn.script.slots[slot], offered[int(keys) - 1], keys)


def _number(turn: Turn, keys: str) -> Entity | None:
    slot = awaited_slot(turn)
    if not slot or not keys.isdigit():
        return None
    spec = turn.script.slots[slot]
    if spec.type == "time":
        return _entity(spec, f"{keys[:2]}:{keys[2:]}", keys) if _is_clock(keys) else None
    if spec.type not in _NUMBERS:
        return None
    # Letters have no keys: a number that has some in speech may be shorter here.
    most = spec.characters[1] if spec.characters else len(keys)
    return _entity(spec, keys, keys) if len(keys) <= most else None


def _is_clock(keys: str) -> bool:
    return len(keys) == 4 and int(keys[:2]) < 24 and int(keys[2:]) < 60


def _entity(spec: SlotSpec, value: str, keys: str) -> Entity:
    return Entity(spec.type, value, keys, 0, len(keys), _CERTAIN)
