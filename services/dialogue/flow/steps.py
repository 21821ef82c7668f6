"""The steps of a flow, read from YAML; `program.py` lays them out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.program import never_goes_on
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
    Run,
    Say,
    Set,
)
from services.dialogue.policy import TurnTaking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.schema import SlotSpec, Step, VariableSpec
    from services.dialogue.flow.templates import Condition, Templates, Text

    Keys = Mapping[str, Item]

_LONGEST_ACTION_S: Final = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """What the steps of a file may name."""

    slots: Mapping[str, SlotSpec]
    variables: Mapping[str, VariableSpec]


def read_steps(item: Item, templates: Templates, names: Names) -> tuple[Step, ...]:
    """The steps of a list.

    Raises:
        FlowFileError: One of them is wrong.

    """
    entries = item.list()
    if not entries:
        item.fail(f"{item.path} has no steps", "Write at least one, for example '- say: ...'.")
    steps: list[Step] = []
    for entry in entries:
        if steps and never_goes_on(steps[-1]):
            entry.fail("this step is never reached: the one before it does not come back", "Take one of them out.")
        steps.append(_step(entry, templates, names))
    return tuple(steps)


def _step(item: Item, templates: Templates, names: Names) -> Step:
    keys = item.keys()
    kinds = [name for name in keys if name in _KINDS and not (name == "say" and "hand_over" in keys)]
    if not kinds:
        name = next(iter(keys), "")
        item.fail(f"unknown step {name!r}", nearest(name, _KINDS))
    if len(kinds) > 1:
        item.fail(f"one step is both {kinds[0]!r} and {kinds[1]!r}", "Begin each step on a '- ' line of its own.")
    return _KINDS[kinds[0]](item, templates, names)


def _say(item: Item, templates: Templates, _names: Names) -> Say:
    keys = item.mapping(("say",), ("uninterruptible",))
    firm = keys["uninterruptible"].flag() if "uninterruptible" in keys else False
    return Say(templates.text(keys["say"]), firm)


def _ask(item: Item, templates: Templates, names: Names) -> Ask:
    keys = item.mapping(("ask",), ("prompt", "reprompt", "optional", "turn_taking"))
    name = _slot_name(keys["ask"], names)
    spec = names.slots[name]
    prompt = templates.text(keys["prompt"]) if "prompt" in keys else spec.prompt
    if prompt is None:
        item.fail(f"nothing is said to ask for slot {name!r}", "Give the slot or this step a 'prompt'.")
    reprompt = templates.text(keys["reprompt"]) if "reprompt" in keys else spec.reprompt or spec.prompt
    optional = keys["optional"].flag() if "optional" in keys else False
    return Ask(name, item.place, prompt, reprompt or prompt, optional, _taking(keys))


def _confirm(item: Item, templates: Templates, names: Names) -> Confirm:
    keys = item.mapping(("confirm", "slots"), ("again", "also", "turn_taking"))
    entries = keys["slots"].list()
    if not entries:
        keys["slots"].fail("a confirmation of no slots confirms nothing", "Name the slots the summary is about.")
    slots = tuple(_slot_name(entry, names) for entry in entries)
    also = tuple(_slot_name(entry, names) for entry in keys["also"].list()) if "also" in keys else ()
    for name, entry in zip((*slots, *also), (*entries, *(keys["also"].list() if also else ())), strict=True):
        if names.slots[name].prompt is None:
            entry.fail(
                f"slot {name!r} is confirmed but has no 'prompt' to ask for it again",
                "Give the slot a 'prompt' under 'slots'.",
            )
    text = templates.text(keys["confirm"])
    again = templates.text(keys["again"]) if "again" in keys else text
    return Confirm(text, again, slots, also, item.place, _taking(keys))


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


def _branch(item: Item, templates: Templates, names: Names) -> Branch:
    keys = item.mapping(("branch",))
    ways: list[tuple[Condition | None, tuple[Step, ...]]] = []
    entries = keys["branch"].list()
    for index, entry in enumerate(entries):
        if "else" in entry.keys():  # noqa: SIM118 - Item is no dict
            way = entry.mapping(("else",))
            if index != len(entries) - 1:
                entry.fail("ways behind 'else' are never gone", "Move 'else' to the end of the branch.")
            ways.append((None, read_steps(way["else"], templates, names)))
        else:
            way = entry.mapping(("if", "then"))
            ways.append((templates.condition(way["if"]), read_steps(way["then"], templates, names)))
    if not ways:
        item.fail("a branch without ways", "Write '- if: CONDITION' with 'then:' steps below it.")
    return Branch(tuple(ways), item.place)


def _act(item: Item, templates: Templates, _names: Names) -> Act:
    keys = item.mapping(("act",), ("fields",))
    fields: tuple[tuple[str, Text], ...] = ()
    if "fields" in keys:
        fields = tuple((name, templates.text(field)) for name, field in keys["fields"].keys().items())
    return Act(keys["act"].text(), fields, item.place)


def _hand_over(item: Item, templates: Templates, _names: Names) -> HandOver:
    keys = item.mapping(("hand_over",), ("say",))
    return HandOver(keys["hand_over"].text(), templates.text(keys["say"]) if "say" in keys else None)


def _end(item: Item, templates: Templates, _names: Names) -> End:
    keys = item.mapping(("end",))
    return End(templates.text(keys["end"]))


def _set(item: Item, templates: Templates, names: Names) -> Set:
    entries = item.mapping(("set",))["set"].keys()
    if not entries:
        item.fail("nothing is set", "Write 'VARIABLE: EXPRESSION' lines below 'set'.")
    for name, entry in entries.items():
        if name in names.slots:
            entry.fail(f"{name!r} is a slot, which only the caller and actions fill", "Declare a variable for it.")
        if name not in names.variables:
            entry.fail(f"unknown variable {name!r}", nearest(name, names.variables))
    return Set(tuple((name, templates.expression(entry)) for name, entry in entries.items()), item.place)


def _call(item: Item, templates: Templates, names: Names) -> Call:
    keys = item.mapping(("call",), ("with", "effect", "timeout", "filler", "into", "failed"))
    arguments = keys["with"].keys() if "with" in keys else {}
    texts = {name: templates.text(argument) for name, argument in arguments.items()}
    into = keys["into"].keys() if "into" in keys else {}
    for name, field in into.items():
        if name not in names.slots and name not in names.variables:
            field.fail(f"unknown slot or variable {name!r}", nearest(name, [*names.slots, *names.variables]))
    return Call(
        action=keys["call"].text(),
        arguments=tuple(texts.items()),
        place=item.place,
        effect=keys["effect"].flag() if "effect" in keys else False,
        timeout=keys["timeout"].number(0.1, _LONGEST_ACTION_S) if "timeout" in keys else None,
        filler=templates.text(keys["filler"]) if "filler" in keys else None,
        into=tuple((name, field.text()) for name, field in into.items()),
        reads=frozenset(name for text in texts.values() for name in text.names),
        failed=read_steps(keys["failed"], templates, names) if "failed" in keys else (),
    )


def _run(item: Item, _templates: Templates, _names: Names) -> Run:
    return Run(item.mapping(("run",))["run"].text(), item.place)


def _goto(item: Item, _templates: Templates, _names: Names) -> Goto:
    return Goto(item.mapping(("goto",))["goto"].text(), item.place)


_KINDS: Final[Mapping[str, Callable[[Item, Templates, Names], Step]]] = {
    "say": _say,
    "ask": _ask,
    "confirm": _confirm,
    "branch": _branch,
    "act": _act,
    "hand_over": _hand_over,
    "end": _end,
    "set": _set,
    "call": _call,
    "run": _run,
    "goto": _goto,
}


def _slot_name(item: Item, names: Names) -> str:
    name = item.text()
    if name not in names.slots:
        item.fail(f"unknown slot {name!r}", nearest(name, names.slots))
    return name
