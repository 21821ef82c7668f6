"""What finished flows commit either side to, and what they lead to: read, checked, noted in the state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.dialogue.flow.mistakes import nearest
from services.dialogue.flow.schema import Promise
from services.dialogue.policy import Commitment, NextStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.dialogue.flow.mistakes import Mistakes, Place
    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.schema import Flow
    from services.dialogue.flow.templates import Templates, Text
    from services.dialogue.flow.turn import Turn

_SIDES: Final = ("agent", "caller")
_DUE: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?")


def read_commits(item: Item, templates: Templates) -> tuple[Promise, ...]:
    """Read `commits`: one mapping of `by`, `to` and `due`, or a list of them; what is wrong is noted."""
    return tuple(_promise(entry, "to", templates) for entry in item.each())


def read_next_step(item: Item, templates: Templates) -> Promise:
    """Read `next_step`: a mapping of `what`, `by` and `due`; what is wrong is noted."""
    return _promise(item, "what", templates)


def _promise(item: Item, what: str, templates: Templates) -> Promise:
    keys = item.mapping((what,), ("by", "due"))
    side = keys["by"].text() if "by" in keys else "agent"
    if side and side not in _SIDES:
        keys["by"].note(f"nobody is called {side!r}", nearest(side, _SIDES))
    return Promise(side, templates.text(keys[what]), templates.text(keys["due"]) if "due" in keys else None)


@dataclass(frozen=True, slots=True)
class Due:
    """A day that is promised, to be rehearsed."""

    text: Text

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.text.place

    @property
    def key(self) -> str:
        """Its path in the file."""
        return self.text.key

    @property
    def names(self) -> frozenset[str]:
        """What it uses."""
        return self.text.names

    def check(self, context: Mapping[str, Any], mistakes: Mistakes) -> bool:
        """Note that it gives something else than a date; return whether it gives one."""
        for variant in range(len(self.text.sources)):
            due = self.text.render(variant, context).strip()
            if not _DUE.fullmatch(due):
                mistakes.note(
                    self.place,
                    f"{self.key} gives {due!r} and no date",
                    "Write a slot such as '{{ day }}', or '{{ day }}T{{ time }}'.",
                )
                return False
        return True


def promised(flow: Flow) -> Iterator[Text | Due]:
    """The texts of what a flow promises."""
    for promise in (*flow.commits, *((flow.next_step,) if flow.next_step is not None else ())):
        yield promise.what
        if promise.due is not None:
            yield Due(promise.due)


def note_promises(turn: Turn, flow: Flow) -> None:
    """The flow is finished: what it commits either side to stands, and its next step is the call's."""
    made = [_made(turn, promise) for promise in flow.commits]
    commitments = [Commitment(promise.by, what, due) for promise, (what, due) in zip(flow.commits, made, strict=True)]
    if commitments:
        # A task that is done again, as after a correction, replaces what it promised.
        kept = [one for one in turn.state.commitments if all(one.words != new.words for new in commitments)]
        turn.set(commitments=(*kept, *commitments))
    if flow.next_step is not None:
        what, due = _made(turn, flow.next_step)
        turn.set(next_step=NextStep(what, flow.next_step.by, due))
    elif not flow.information:
        turn.set(next_step=None)


def _made(turn: Turn, promise: Promise) -> tuple[str, str]:
    """Words and day of a promise, as the slots are now."""
    context = turn.context()
    due = promise.due.render(0, context).strip() if promise.due is not None else ""
    # A slot may hold more than one moment ("10:00/12:00"): that is no day.
    return promise.what.render(0, context), due if _DUE.fullmatch(due) else ""
