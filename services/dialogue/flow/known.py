"""Which slots and variables are surely known at each step: a forward data-flow analysis over all programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dialogue.flow.schema import Ask, Call, Confirm, End, Goto, HandOver, Jump, Run, Set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.dialogue.flow.schema import Flow, Instruction

    Position = tuple[str, int]
    Known = frozenset[str]


def known_slots(flows: Mapping[str, Flow], order: Iterable[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """For every flow, the slots known at each step of its program and, last, at its end, in the order given.

    A slot is known where every way to the step fills it or tests that it is defined. A flow that an intent
    starts knows nothing at its beginning; one that only other flows run knows what they all know there.
    Sets only shrink from visit to visit, so the work list runs dry.
    """
    names = tuple(order)
    known: dict[Position, Known] = {}
    work: list[tuple[Position, Known]] = [
        ((name, 0), frozenset()) for name, flow in flows.items() if flow.intents or not _is_run(name, flows)
    ]
    while work:
        position, arriving = work.pop()
        if position[0] not in flows:  # one that could not be read
            continue
        before = known.get(position)
        after = arriving if before is None else before & arriving
        if after == before:
            continue
        known[position] = after
        work.extend(_next(position, after, flows))
    return {
        name: tuple(
            tuple(slot for slot in names if slot in known.get((name, step), frozenset()) | _own(flow, step))
            for step in range(len(flow.program) + 1)
        )
        for name, flow in flows.items()
    }


def _own(flow: Flow, step: int) -> Known:
    """What a step itself asks for before it begins: a summary needs its slots."""
    instruction = flow.program[step] if step < len(flow.program) else None
    return frozenset(instruction.slots) if isinstance(instruction, Confirm) else frozenset()


def _is_run(name: str, flows: Mapping[str, Flow]) -> bool:
    return any(isinstance(step, Run | Goto) and step.flow == name for flow in flows.values() for step in flow.program)


def _next(position: Position, known: Known, flows: Mapping[str, Flow]) -> Iterator[tuple[Position, Known]]:
    name, step = position
    program = flows[name].program
    if step >= len(program):
        return
    instruction = program[step]
    if isinstance(instruction, Goto):
        yield (instruction.flow, 0), known
    elif isinstance(instruction, Call):
        yield (name, step + 1), known | _filled(instruction)
        if instruction.failed_at is not None:
            yield (name, instruction.failed_at), known
    elif isinstance(instruction, Run):
        yield (instruction.flow, 0), known
        # Coming back it knows no less; what the called flow fills besides is not relied upon.
        yield (name, step + 1), known
    elif isinstance(instruction, Jump):
        yield (name, instruction.target), known
        if instruction.unless is not None:
            yield (name, step + 1), known | instruction.unless.guards
    elif not isinstance(instruction, End | HandOver):
        yield (name, step + 1), known | _filled(instruction)


def _filled(instruction: Instruction) -> Known:
    if isinstance(instruction, Ask) and not instruction.optional:
        return frozenset({instruction.slot})
    if isinstance(instruction, Set):
        return frozenset(name for name, _ in instruction.values)
    if isinstance(instruction, Call):
        return frozenset(name for name, _ in instruction.into)
    return frozenset(instruction.slots) if isinstance(instruction, Confirm) else frozenset()
