"""Steps laid out as a program: a flat list with jumps, an index into which is where a flow stands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from services.dialogue.flow.schema import Ask, Branch, Call, Confirm, End, Goto, HandOver, Jump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.dialogue.flow.schema import Instruction, Step


def never_goes_on(step: Step) -> bool:
    """Whether nothing comes after a step: it leaves the flow, or each of its ways does."""
    if not isinstance(step, Branch):
        return isinstance(step, Goto | HandOver | End)
    return step.ways[-1][0] is None and all(way and never_goes_on(way[-1]) for _, way in step.ways)


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, those inside branches too, in the order of the file."""
    for step in steps:
        yield step
        if isinstance(step, Branch):
            for _, inner in step.ways:
                yield from walk(inner)
        elif isinstance(step, Call):
            yield from walk(step.failed)


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
        if isinstance(step, Branch):
            _emit_branch(step, program)
        elif isinstance(step, Call) and step.failed:
            over = len(program) + 1
            program.extend((dataclasses.replace(step, failed_at=over + 1), Jump(0)))
            _emit(step.failed, program)
            program[over] = Jump(len(program))
        else:
            program.append(step)


def _emit_branch(step: Branch, program: list[Instruction]) -> None:
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
