"""Slots from what the caller said: which entity fills which slot, and what is refused or asked back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.flow.spoken import normal_value
from services.dialogue.flow.turn import WAIT_CHOICE, WAIT_SLOT
from services.dialogue.policy import Slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.dialogue.flow.schema import Check
    from services.dialogue.flow.turn import Turn
    from services.dialogue.policy import Entity

CORRECTING = ("correct", "deny")
"""Intents with which a value replaces one that was given before."""


def take(turn: Turn, wanted: Sequence[str], expected: str = "", *, overwrite: bool = True) -> bool:
    """Fill the wanted slots from the turn's entities.

    `expected` is the slot that was asked for: it comes first. Without `overwrite` only empty slots are
    filled. A value that a check refuses, or that can be read in several ways, becomes a question.

    Returns whether that made the turn's answer: a question is asked already and nothing else is to be said.
    Slots that changed are in `turn.changed`, those that were only repeated in `turn.same`.
    """
    claims: dict[str, list[Entity]] = {}
    for kind in dict.fromkeys(entity.type for entity in turn.heard.entities):
        names = [name for name in _ordered(wanted, expected) if turn.script.slots[name].type == kind]
        if names:
            claims |= _assign(turn, names, _meant(turn, kind), expected, overwrite=overwrite)
    # In the order of the flow file: a check may look at slots declared above its own.
    ordered = [name for name in turn.script.slots if name in claims]
    for name in ordered:
        _fill(turn, name, claims[name])
    if not turn.asked_back:
        _recheck(turn, wanted)
    return turn.asked_back


def named_values(turn: Turn, slot: str) -> list[str]:
    """All values of a slot's type that the turn's entities may mean."""
    kind = turn.script.slots[slot].type
    return _readings(turn, slot, _meant(turn, kind))


def refuse(turn: Turn, slot: str, words: tuple[str, ...]) -> None:
    """Empty a slot whose value will not do, say why, and wait for another."""
    turn.drop([slot])
    turn.question(words)
    turn.wait_for(WAIT_SLOT, slot)
    turn.asked_back = True


def _ordered(wanted: Sequence[str], expected: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((expected, *wanted) if expected in wanted else wanted))


def _meant(turn: Turn, kind: str) -> list[Entity]:
    """Entities of a type that are sure enough and not said to be what is *not* meant."""
    settings = turn.script.settings
    found = [
        entity
        for entity in turn.heard.entities
        if entity.type == kind and (entity.confidence is None or entity.confidence >= settings.min_entity_confidence)
    ]
    kept = [entity for entity in found if not _negated(turn.heard.text, entity, settings.negations)]
    return kept or found


def _negated(text: str, entity: Entity, negations: Iterable[str]) -> bool:
    before = f" {text[: entity.start_char].casefold().rstrip()}"
    return any(before.endswith(f" {word.casefold()}") for word in negations)


def _assign(
    turn: Turn, names: list[str], entities: list[Entity], expected: str, *, overwrite: bool
) -> dict[str, list[Entity]]:
    """Which entities of one type go to which slots of that type."""
    if not entities:
        return {}
    filled = [slot.name for slot in turn.state.slots if slot.name in names and slot.name not in turn.state.spent]
    empty = [name for name in names if name not in filled]
    if filled and overwrite and turn.intent in CORRECTING:
        # "No, I said Thursday": the one given last is wrong, unless the question was about another.
        return {expected if expected in filled else filled[-1]: entities}
    if not empty:
        return {expected if expected in filled else filled[-1]: entities} if overwrite else {}
    if expected in filled and overwrite:
        empty.insert(0, expected)
    if len(entities) > len(empty):
        return {name: [entity] for name, entity in zip(empty[:-1], entities, strict=False)} | {
            empty[-1]: entities[len(empty) - 1 :]
        }
    return {name: [entity] for name, entity in zip(empty, entities, strict=False)}


def _readings(turn: Turn, slot: str, entities: Iterable[Entity]) -> list[str]:
    spec = turn.script.slots[slot]
    raw = [value for entity in entities for value in (entity.value, *entity.alternatives)]
    normal = [normal_value(spec.type, value) for value in raw]
    return list(dict.fromkeys(value for value in normal if value and (not spec.values or value in spec.values)))


def _fill(turn: Turn, name: str, entities: list[Entity]) -> None:
    """Fill one slot, or ask back."""
    values = _readings(turn, name, entities)
    old = turn.state.slot(name)
    if old is not None and len(values) > 1 and turn.intent in CORRECTING:
        values = [value for value in values if value != old.value]
    if not values:
        return
    if _is_sure(turn, entities) and refusal(turn, name, values[0]) is None:
        values = values[:1]
    refusals = {value: check for value in values if (check := refusal(turn, name, value)) is not None}
    good = [value for value in values if value not in refusals]
    if len(good) != 1 and turn.asked_back:  # one question a turn: this slot's turn comes
        return
    if not good:
        words = turn.words(refusals[values[0]].say, value=turn.spoken(Slot(name, values[0])))
        refuse(turn, name, words)
        return
    if len(good) > 1:
        ask_which(turn, name, tuple(good))
        return
    if old is not None and old.value == good[0] and name not in turn.state.spent:
        turn.same.append(name)
        return
    turn.put(slot_from(turn, name, good[0], entities))


def _is_sure(turn: Turn, entities: list[Entity]) -> bool:
    """Whether the likeliest reading of the only entity is so likely that asking would be pedantic."""
    sure = entities[0].confidence
    return len(entities) == 1 and sure is not None and sure >= turn.script.settings.sure_confidence


def slot_from(turn: Turn, name: str, value: str, entities: Iterable[Entity]) -> Slot:
    """A filled slot with the words and the confidence of the entity it came from."""
    source = next((e for e in entities if value in {normal_value(e.type, v) for v in (e.value, *e.alternatives)}), None)
    return Slot(
        name=name,
        value=value,
        raw=(source.raw or value) if source else turn.heard.text,
        type=turn.script.slots[name].type,
        confidence=source.confidence if source else None,
    )


def ask_which(turn: Turn, name: str, values: tuple[str, ...]) -> None:
    """Ask which of several readings was meant."""
    turn.drop([name])
    turn.wait_for(WAIT_CHOICE, name, values[:4])
    turn.asked_back = True
    spoken = [turn.spoken_form(name, value) for value in values[:4]]
    turn.question(turn.words(turn.script.phrases["which_one"], choices=spoken))


def refusal(turn: Turn, name: str, value: str) -> Check | None:
    """The first check of a slot that a value fails."""
    context = turn.context() | {"value": turn.spoken(Slot(name, value))}
    return next((check for check in turn.script.slots[name].checks if check.reject.holds(context)), None)


def _recheck(turn: Turn, wanted: Sequence[str]) -> None:
    """Ask again for a slot that no longer fits what was said now: ten o'clock may be too late on a Saturday."""
    if not turn.changed:
        return
    for slot in turn.state.slots:
        if slot.name in wanted and slot.name not in turn.changed:
            check = refusal(turn, slot.name, slot.value)
            if check is not None:
                refuse(turn, slot.name, turn.words(check.say, value=turn.spoken(slot)))
                return
