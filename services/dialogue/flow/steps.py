"""The steps of a flow: read from YAML, and laid out as a program with jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.dialogue.flow.reader import nearest
from services.dialogue.flow.schema import (
    Act,
    Ask,
    Branch,
    Call,
    Confirm,
    End,
    Goto,
    HandOver,
    Jump,
    Say,
)
from services.dialogue.policy import TurnTaking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.schema import Instruction, SlotSpec, Step
    from services.dialogue.flow.templates import Condition, Templates, Text

    Slots = Mapping[str, SlotSpec]
    Keys = Mapping[str, Item]


def read_steps(item: Item, templates: Templates, slots: Slots) -> tuple[Step, ...]:
    """The steps of a list.

    Raises:
        FlowFileError: One of them is wrong.

    """
    entries = item.list()
    if not entries:
        item.fail(f"{item.path} has no steps", "Write at least one, for example '- say: ...'.")
    return tuple(_step(entry, templates, slots) for entry in entries)


def _step(item: Item, templates: Templates, slots: Slots) -> Step:
    keys = item.keys()
    kinds = [name for name in keys if name in _KINDS and not (name == "say" and "hand_over" in keys)]
    if not kinds:
        name = next(iter(keys), "")
        item.fail(f"unknown step {name!r}", nearest(name, _KINDS))
    if len(kinds) > 1:
        item.fail(f"one step is both {kinds[0]!r} and {kinds[1]!r}", "Begin each step on a '- ' line of its own.")
    return _KINDS[kinds[0]](item, templates, slots)


def _say(item: Item, templates: Templates, _slots: Slots) -> Say:
    keys = item.mapping(("say",), ("uninterruptible",))
    firm = keys["uninterruptible"].flag() if "uninterruptible" in keys else False
    return Say(templates.text(keys["say"]), firm)


def _ask(item: Item, templates: Templates, slots: Slots) -> Ask:
    keys = item.mapping(("ask",), ("prompt", "reprompt", "optional", "turn_taking"))
    name = _slot_name(keys["ask"], slots)
    spec = slots[name]
    prompt = templates.text(keys["prompt"]) if "prompt" in keys else spec.prompt
    if prompt is None:
        item.fail(f"nothing is said to ask for slot {name!r}", "Give the slot or this step a 'prompt'.")
    reprompt = templates.text(keys["reprompt"]) if "reprompt" in keys else spec.reprompt or spec.prompt
    optional = keys["optional"].flag() if "optional" in keys else False
    return Ask(name, item.place, prompt, reprompt or prompt, optional, _taking(keys))


def _confirm(item: Item, templates: Templates, slots: Slots) -> Confirm:
    keys = item.mapping(("confirm", "slots"), ("again", "also", "turn_taking"))
    entries = keys["slots"].list()
    if not entries:
        keys["slots"].fail("a confirmation of no slots confirms nothing", "Name the slots the summary is about.")
    names = tuple(_slot_name(entry, slots) for entry in entries)
    also = tuple(_slot_name(entry, slots) for entry in keys["also"].list()) if "also" in keys else ()
    for name, entry in zip((*names, *also), (*entries, *(keys["also"].list() if also else ())), strict=True):
        if slots[name].prompt is None:
            entry.fail(
                f"slot {name!r} is confirmed but has no 'prompt' to ask for it again",
                "Give the slot a 'prompt' under 'slots'.",
            )
    text = templates.text(keys["confirm"])
    again = templates.text(keys["again"]) if "again" in keys else text
    return Confirm(text, again, names, also, item.place, _taking(keys))


def _taking(keys: Keys) -> TurnTaking | None:
    return read_turn_taking(keys["turn_taking"]) if "turn_taking" in keys else None


def read_turn_taking(item: Item) -> TurnTaking:
    """How turns are taken, in seconds.

    Raises:
        FlowFileError: A time is none, or the shortest pause is longer than the longest.

    """
    limits = {
        "shortest_pause": (0.05, 5.0),
        "longest_pause": (0.05, 5.0),
        "barge_in_speaking": (0.0, 5.0),
        "barge_in_thinking": (0.0, 5.0),
    }
    taking = TurnTaking(
        **{name: value.number(*limits[name]) for name, value in item.mapping((), tuple(limits)).items()}
    )
    shortest, longest = taking.shortest_pause, taking.longest_pause
    if shortest is not None and longest is not None and shortest > longest:
        item.fail("shortest_pause is longer than longest_pause", "Make shortest_pause the smaller one.")
    return taking


def _branch(item: Item, templates: Templates, slots: Slots) -> Branch:
    keys = item.mapping(("branch",))
    ways: list[tuple[Condition | None, tuple[Step, ...]]] = []
    entries = keys["branch"].list()
    for index, entry in enumerate(entries):
        if "else" in entry.keys():  # noqa: SIM118 - Item is no dict
            way = entry.mapping(("else",))
            if index != len(entries) - 1:
                entry.fail("ways behind 'else' are never gone", "Move 'else' to the end of the branch.")
            ways.append((None, read_steps(way["else"], templates, slots)))
        else:
            way = entry.mapping(("if", "then"))
            ways.append((templates.condition(way["if"]), read_steps(way["then"], templates, slots)))
    if not ways:
        item.fail("a branch without ways", "Write '- if: CONDITION' with 'then:' steps below it.")
    return Branch(tuple(ways), item.place)


def _act(item: Item, templates: Templates, _slots: Slots) -> Act:
    keys = item.mapping(("act",), ("fields",))
    fields: tuple[tuple[str, Text], ...] = ()
    if "fields" in keys:
        fields = tuple((name, templates.text(field)) for name, field in keys["fields"].keys().items())
    return Act(keys["act"].text(), fields, item.place)


def _hand_over(item: Item, templates: Templates, _slots: Slots) -> HandOver:
    keys = item.mapping(("hand_over",), ("say",))
    return HandOver(keys["hand_over"].text(), templates.text(keys["say"]) if "say" in keys else None)


def _end(item: Item, templates: Templates, _slots: Slots) -> End:
    keys = item.mapping(("end",))
    return End(templates.text(keys["end"]))


def _call(item: Item, _templates: Templates, _slots: Slots) -> Call:
    return Call(item.mapping(("call",))["call"].text(), item.place)


def _goto(item: Item, _templates: Templates, _slots: Slots) -> Goto:
    return Goto(item.mapping(("goto",))["goto"].text(), item.place)


_KINDS: Final[Mapping[str, Callable[[Item, Templates, Slots], Step]]] = {
    "say": _say,
    "ask": _ask,
    "confirm": _confirm,
    "branch": _branch,
    "act": _act,
    "hand_over": _hand_over,
    "end": _end,
    "call": _call,
    "goto": _goto,
}


def _slot_name(item: Item, slots: Slots) -> str:
    name = item.text()
    if name not in slots:
        item.fail(f"unknown slot {name!r}", nearest(name, slots))
    return name


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, those inside branches too, in the order of the file."""
    for step in steps:
        yield step
        if isinstance(step, Branch):
            for _, inner in step.ways:
                yield from walk(inner)


def used_slots(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Slots the steps ask for or confirm, each once, in the order of the file."""
    names: list[str] = []
    for step in walk(steps):
        if isinstance(step, Ask):
            names.append(step.slot)
        elif isinstance(step, Confirm):
            names.extend((*step.slots, *step.also))
    return tuple(dict.fromkeys(names))


def compile_steps(steps: tuple[Step, ...]) -> tuple[Instruction, ...]:
    """The steps as a flat program: each way of a branch is skipped by a jump unless its condition holds."""
    program: list[Instruction] = []
    _emit(steps, program)
    return tuple(program)


def _emit(steps: tuple[Step, ...], program: list[Instruction]) -> None:
    for step in steps:
        if not isinstance(step, Branch):
            program.append(step)
            continue
        exits: list[int] = []
        for condition, inner in step.ways:
            gate = len(program)
            program.append(Jump(gate + 1, condition))  # aimed below, once the way's length is known
            _emit(inner, program)
            exits.append(len(program))
            program.append(Jump(0))
            if condition is not None:
                program[gate] = Jump(len(program), condition)
        for index in exits:
            program[index] = Jump(len(program))
