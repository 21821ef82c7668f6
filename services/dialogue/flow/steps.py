"""The steps of a flow, read from YAML; `program.py` lays them out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.mistakes import nearest
from services.dialogue.flow.program import never_goes_on
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
    """The steps of a list; what is wrong with one is noted, and one that cannot be told is left out."""
    entries = item.list()
    if item.is_list and not entries:
        item.note(f"{item.path} has no steps", "Write at least one, for example '- say: ...'.")
    steps: list[Step] = []
    for entry in entries:
        step = _step(entry, templates, names)
        if steps and never_goes_on(steps[-1]):
            entry.note("this step is never reached: the one before it does not come back", "Take one of them out.")
        elif step is not None:
            steps.append(step)
    return tuple(steps)


def _step(item: Item, templates: Templates, names: Names) -> Step | None:
    keys = item.keys()
    kinds = [name for name in keys if name in _KINDS and not (name == "say" and "hand_over" in keys)]
    if not kinds:
        if item.is_mapping:
            name = next(iter(keys), "")
            item.note(f"unknown step {name!r}", nearest(name, _KINDS))
        return None
    if len(kinds) > 1:
        item.note(f"one step is both {kinds[0]!r} and {kinds[1]!r}", "Begin each step on a '- ' line of its own.")
        return None
    return _KINDS[kinds[0]](item, templates, names)


def _say(item: Item, templates: Templates, _names: Names) -> Say:
    keys = item.mapping(("say",), ("uninterruptible",))
    firm = keys["uninterruptible"].flag() if "uninterruptible" in keys else False
    return Say(templates.text(keys["say"]), firm)


def _ask(item: Item, templates: Templates, names: Names) -> Ask | None:
    keys = item.mapping(("ask",), ("prompt", "reprompt", "optional", "turn_taking"))
    spec = names.slots.get(_slot_name(keys["ask"], names))
    own, again = (templates.text(keys[key]) if key in keys else None for key in ("prompt", "reprompt"))
    optional = keys["optional"].flag() if "optional" in keys else False
    taking = _taking(keys)
    if spec is None:
        return None
    prompt = own or spec.prompt
    if prompt is None:
        item.note(f"nothing is said to ask for slot {spec.name!r}", "Give the slot or this step a 'prompt'.")
        return None
    return Ask(spec.name, item.place, prompt, again or spec.reprompt or spec.prompt or prompt, optional, taking)


def _confirm(item: Item, templates: Templates, names: Names) -> Confirm:
    keys = item.mapping(("confirm", "slots"), ("again", "also", "turn_taking"))
    if keys["slots"].is_list and not keys["slots"].list():
        keys["slots"].note("a confirmation of no slots confirms nothing", "Name the slots the summary is about.")
    slots = _confirmed(keys["slots"], names)
    also = _confirmed(keys["also"], names) if "also" in keys else ()
    text = templates.text(keys["confirm"])
    again = templates.text(keys["again"]) if "again" in keys else text
    return Confirm(text, again, slots, also, item.place, _taking(keys))


def _confirmed(item: Item, names: Names) -> tuple[str, ...]:
    found = [(entry, name) for entry in item.list() if (name := _slot_name(entry, names))]
    for entry, name in found:
        if names.slots[name].prompt is None:
            entry.note(
                f"slot {name!r} is confirmed but has no 'prompt' to ask for it again",
                "Give the slot a 'prompt' under 'slots'.",
            )
    return tuple(name for _, name in found)


def _taking(keys: Keys) -> TurnTaking | None:
    return read_turn_taking(keys["turn_taking"]) if "turn_taking" in keys else None


def read_turn_taking(item: Item) -> TurnTaking:
    """How turns are taken, in seconds; a time that is none is noted, and a shortest pause longer than the longest."""
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
        item.note("shortest_pause is longer than longest_pause", "Make shortest_pause the smaller one.")
    return taking


def _branch(item: Item, templates: Templates, names: Names) -> Branch:
    keys = item.mapping(("branch",))
    ways: list[tuple[Condition | None, tuple[Step, ...]]] = []
    entries = keys["branch"].list()
    for index, entry in enumerate(entries):
        if "else" in entry.keys():  # noqa: SIM118 - Item is no dict
            way = entry.mapping(("else",))
            if index != len(entries) - 1:
                entry.note("ways behind 'else' are never gone", "Move 'else' to the end of the branch.")
            ways.append((None, read_steps(way["else"], templates, names)))
        else:
            way = entry.mapping(("if", "then"))
            ways.append((templates.condition(way["if"]), read_steps(way["then"], templates, names)))
    if keys["branch"].is_list and not ways:
        item.note("a branch without ways", "Write '- if: CONDITION' with 'then:' steps below it.")
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
    given = item.mapping(("set",))["set"]
    entries = given.keys()
    if given.is_mapping and not entries:
        item.note("nothing is set", "Write 'VARIABLE: EXPRESSION' lines below 'set'.")
    for name, entry in entries.items():
        if name in names.slots:
            entry.note(f"{name!r} is a slot, which only the caller and actions fill", "Declare a variable for it.")
        elif name not in names.variables:
            entry.note(f"unknown variable {name!r}", nearest(name, names.variables))
    return Set(tuple((name, templates.expression(entry)) for name, entry in entries.items()), item.place)


def _call(item: Item, templates: Templates, names: Names) -> Call:
    keys = item.mapping(("call",), ("with", "effect", "timeout", "filler", "into", "failed"))
    arguments = keys["with"].keys() if "with" in keys else {}
    texts = {name: templates.text(argument) for name, argument in arguments.items()}
    into = keys["into"].keys() if "into" in keys else {}
    for name, field in into.items():
        if name not in names.slots and name not in names.variables:
            field.note(f"unknown slot or variable {name!r}", nearest(name, [*names.slots, *names.variables]))
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


_KINDS: Final[Mapping[str, Callable[[Item, Templates, Names], Step | None]]] = {
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
    return item.one_of("slot", names.slots)
