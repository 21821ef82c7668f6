"""Draws a domain's flows: a panel for each, its steps from top to bottom, the ways of a branch side by side."""

from __future__ import annotations

import dataclasses
import re
from functools import singledispatch
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from services.dialogue.flow.program import never_goes_on
from services.dialogue.flow.schema import Act, Ask, Branch, Call, Confirm, End, Goto, HandOver, Run, Say, Set
from services.dialogue.flow.tools.svg import GAP, LINE, Block, card, column, document, fork, lines_of, text, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.dialogue.flow.schema import Flow, Script, Step
    from services.dialogue.flow.templates import Text

_COLUMNS: Final = 34
_ROWS: Final = 4
_TOP: Final = 58
_VALUE: Final = re.compile(r"\{\{-?\s*([\w.]+).*?\}\}", re.DOTALL)
_TAG: Final = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)


def draw(script: Script) -> str:
    """The drawing as an SVG document. Values in texts stand as [name]; of several wordings the first is shown."""
    panels = [_panel(flow) for flow in script.flows.values()]
    return document(f"{script.domain} ({script.language})", f"{script.description} Version {script.version}.", panels)


def _panel(flow: Flow) -> Block:
    steps = _column(flow.steps)
    below = "" if not flow.intents else "anything else?"
    notes = _notes(flow)
    inner = column([steps, card("set", below or "back to what ran it", ())]) if not steps.ends else steps
    width = max(inner.width, width_of(notes), len(flow.title) * 9.5) + 2 * GAP
    top = _TOP + LINE * (len(notes) - 1)
    height = top + inner.height + GAP
    parts = (
        f"<g id={quoteattr(f'flow-{flow.name}')}>",
        f'<rect class="panel" width="{width:g}" height="{height:g}" rx="10"/>',
        text(GAP, 26, flow.title, "flow"),
        *(text(GAP, 44 + LINE * row, note, "small") for row, note in enumerate(notes)),
        inner.at((width - inner.width) / 2, top),
        "</g>",
    )
    return Block(width, height, parts)


def _notes(flow: Flow) -> list[str]:
    """What starts a flow, and how it stands to others."""
    kind = f", urgent {flow.urgent}" if flow.urgent else ", answers only" if flow.information else ""
    started = f"on {', '.join(flow.intents)}" if flow.intents else "run by other flows"
    notes = lines_of(f"{flow.name}: {started}{kind}", 52, 3)
    collected = [name for name in flow.slots if name not in _asked(flow.steps)]
    return notes + (lines_of(f"takes in passing: {', '.join(collected)}", 52, 2) if collected else [])


def _asked(steps: Sequence[Step]) -> set[str]:
    found: set[str] = set()
    for step in steps:
        if isinstance(step, Ask):
            found.add(step.slot)
        elif isinstance(step, Confirm):
            found.update((*step.slots, *step.also))
        elif isinstance(step, Branch):
            found.update(name for _, inner in step.ways for name in _asked(inner))
        elif isinstance(step, Call):
            found.update(_asked(step.failed))
    return found


def _column(steps: Sequence[Step]) -> Block:
    return column([_block(step) for step in steps])


def _words(what: Text | None) -> list[str]:
    if what is None:
        return []
    shown = _TAG.sub(" ", _VALUE.sub(r"[\1]", what.sources[0]))
    more = f" (+{len(what.sources) - 1})" if len(what.sources) > 1 else ""
    return lines_of(" ".join(shown.split()) + more, _COLUMNS, _ROWS)


@singledispatch
def _block(step: object) -> Block:
    """A step, drawn."""
    raise TypeError(f"no step: {step!r}")


@_block.register(Say)
def _(step: Say) -> Block:
    return card("say", "say, to its end" if step.uninterruptible else "say", _words(step.text))


@_block.register(Ask)
def _(step: Ask) -> Block:
    return card("ask", f"ask {step.slot}{' (optional)' if step.optional else ''}", _words(step.prompt))


@_block.register(Confirm)
def _(step: Confirm) -> Block:
    return card(
        "confirm", "confirm", [*lines_of(", ".join((*step.slots, *step.also)), _COLUMNS, 2), *_words(step.text)]
    )


@_block.register(Branch)
def _(step: Branch) -> Block:
    ways = [(f"if {condition.source}" if condition else "else", _column(inner)) for condition, inner in step.ways]
    if step.ways[-1][0] is not None:
        ways.append(("else", Block(40, 0)))
    drawn = fork(ways)
    return dataclasses.replace(drawn, ends=never_goes_on(step))


@_block.register(Act)
def _(step: Act) -> Block:
    return card("act", "event", lines_of(step.event, _COLUMNS, 1))


@_block.register(Set)
def _(step: Set) -> Block:
    lines = [line for name, value in step.values for line in lines_of(f"{name} = {value.source}", _COLUMNS, 2)]
    return card("set", "set", lines)


@_block.register(Call)
def _(step: Call) -> Block:
    limit = f", {step.timeout:g} s" if step.timeout is not None else ""
    lines = lines_of(", ".join(name for name, _ in step.arguments), _COLUMNS, 2) if step.arguments else []
    lines += lines_of(f"gives {', '.join(name for name, _ in step.into)}", _COLUMNS, 2) if step.into else []
    head = card("call", f"{'do' if step.effect else 'look up'} {step.action}{limit}", lines)
    failed = _column(step.failed) if step.failed else card("leave", "hand over", ["action_failed"], ends=True)
    return column([head, fork([("done", Block(40, 0)), ("failed", failed)])])


@_block.register(Run)
def _(step: Run) -> Block:
    return card("go", f"run {step.flow}", ["and come back"], link=f"#flow-{step.flow}")


@_block.register(Goto)
def _(step: Goto) -> Block:
    return card("go", f"go to {step.flow}", (), link=f"#flow-{step.flow}", ends=True)


@_block.register(HandOver)
def _(step: HandOver) -> Block:
    return card("leave", f"hand over: {step.reason}", _words(step.text), ends=True)


@_block.register(End)
def _(step: End) -> Block:
    return card("leave", "end the call", _words(step.text), ends=True)
