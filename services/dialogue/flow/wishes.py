"""Several intents in one sentence: the most pressing is answered, questions are answered along with it, tasks wait."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from services.dialogue.flow.expect import awaits_text
from services.dialogue.flow.run import run
from services.dialogue.flow.tasks import digress
from services.dialogue.policy import FurtherIntent

if TYPE_CHECKING:
    from services.dialogue.flow.turn import Turn
    from services.dialogue.policy import Entity

_PRESSING = ("opt_out", "human")
"""Universal intents that go before any task, the more pressing last; urgent flows go before them."""


def sort_out(turn: Turn) -> tuple[FurtherIntent, ...]:
    """Leave the turn with what is answered first; return the rest, in the order it was said.

    A free description is one answer, whatever it mentions, unless a part of it is pressing.
    """
    heard = turn.heard
    if not heard.further:
        return ()
    theirs = [entity for part in heard.further for entity in part.entities]
    own = tuple(entity for entity in heard.entities if entity not in theirs)
    parts = [FurtherIntent("" if heard.out_of_scope else heard.intent, heard.confidence, own), *heard.further]
    clear = [part for part in parts if part.intent and _is_clear(turn, part)]
    first = max(clear, key=lambda part: _pressure(turn, part), default=parts[0])
    if awaits_text(turn) and _pressure(turn, first) <= 0:
        return ()
    turn.heard = dataclasses.replace(
        heard,
        intent=first.intent,
        confidence=first.confidence,
        out_of_scope=heard.out_of_scope and first is parts[0],
        entities=first.entities,
        further=(),
    )
    return tuple(part for part in clear if part is not first)


def _is_clear(turn: Turn, part: FurtherIntent) -> bool:
    return part.confidence is None or part.confidence >= turn.script.settings.min_confidence


def _pressure(turn: Turn, part: FurtherIntent) -> int:
    """How pressing a part is; questions come behind tasks, for they are answered along with them."""
    if part.intent in _PRESSING:
        return _PRESSING.index(part.intent) + 1
    name = turn.script.by_intent.get(part.intent)
    if name is None:
        return 0
    flow = turn.script.flows[name]
    return flow.urgent + len(_PRESSING) if flow.urgent else -int(flow.information)


def answer_further(turn: Turn, rest: tuple[FurtherIntent, ...], everything: tuple[Entity, ...]) -> None:
    """Answer the questions among the rest; tasks, and questions that come at a bad moment, wait for their turn.

    A question that names nothing itself is about what the rest of the sentence names: "and how much is it?".
    """
    for part in rest:
        name = turn.script.by_intent.get(part.intent)
        if turn.end or name is None or any(frame.flow == name for frame in turn.state.frames):
            continue
        if turn.script.flows[name].information and not turn.state.mode and turn.action is None:
            turn.heard = dataclasses.replace(
                turn.heard, intent=part.intent, confidence=part.confidence, entities=part.entities or everything
            )
            turn.intent = part.intent
            turn.unask()
            digress(turn, name)
        elif part.intent not in turn.state.wished:
            turn.set(wished=(*turn.state.wished, part.intent), offered=(*turn.state.offered, *part.entities))
    if turn.frame is None and turn.state.wished and not turn.end:
        turn.unask()
        run(turn)
