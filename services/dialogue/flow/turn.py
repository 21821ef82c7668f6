"""One turn under way: the state as it will be, and the reply as far as it is made."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from services.dialogue.flow.templates import SpokenValue, sentences
from services.dialogue.flow.variables import from_text
from services.dialogue.policy import Expectation, Outcome, Reply, Understanding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.schema import Flow, Instruction, Script
    from services.dialogue.flow.templates import Text
    from services.dialogue.policy import Action, CallInfo, Frame, Slot, State

WAIT_SLOT: Final = "ask"
"""Mode: a slot is asked for out of turn, because its value was refused or taken back."""
WAIT_CHOICE: Final = "choose"
"""Mode: the caller chooses between several readings of a slot."""
WAIT_SWITCH: Final = "switch"
"""Mode: the caller says whether to leave the running task for another."""
WAIT_DETAIL: Final = "detail"
"""Mode: the caller says what is wrong with a summary."""
WAIT_LEAVE: Final = "leave"
"""Mode: the caller said goodbye to a summary, which was asked once more."""

FEW_WORDS: Final = 3
"""Up to so many words "hello" or "no" is no sentence worth keeping as an answer."""

_MINOR: Final = ("opted_out", "order_status_given", "information_given")
"""Dispositions that only count when nothing weightier was achieved, the weightiest first."""


class Turn:
    """A turn being answered. It is made for one call of the policy and thrown away with it."""

    def __init__(self, script: Script, state: State, call: CallInfo | None, heard: Understanding | None = None) -> None:
        self.script = script
        self.state = state
        self.call = call
        self.heard = heard or Understanding("")
        self.intent = ""
        """The caller's intent, where it was understood well enough to act upon."""
        self.word_count = len(self.heard.text.split())
        self.changed: list[str] = []
        """Slots that got a new value in this turn."""
        self.same: list[str] = []
        """Slots whose value was only said again."""
        self.asked_back = False
        """Whether a slot's value became a question: it was refused, or had several readings."""
        self.progressed = False
        self.understood = True
        self.end = False
        self.disposition = ""
        self.hand_over = False
        self.expectation = Expectation()
        self.action: Action | None = None
        self._sentences: list[str] = []
        self._question: list[str] = []
        self._outcomes: list[Outcome] = []
        self._uninterruptible = False

    # The state.

    def set(self, **changes: Any) -> None:
        """Change the state as it will be."""
        self.state = dataclasses.replace(self.state, **changes)

    def wait_for(self, mode: str, target: str = "", choices: tuple[str, ...] = ()) -> None:
        """Say what the answer is for, where the running step alone does not."""
        self.set(mode=mode, target=target, choices=choices)

    @property
    def frame(self) -> Frame | None:
        """The running flow's frame; None between two tasks."""
        return self.state.frames[-1] if self.state.frames else None

    @property
    def flow(self) -> Flow | None:
        """The running flow."""
        return self.script.flows[self.frame.flow] if self.frame else None

    @property
    def instruction(self) -> Instruction | None:
        """The step the running flow stands at; None at its end or without one."""
        if self.frame is None or self.flow is None or self.frame.step >= len(self.flow.program):
            return None
        return self.flow.program[self.frame.step]

    def push(self, frame: Frame) -> None:
        """Run a flow on top of the running one."""
        self.set(frames=(*self.state.frames, frame))

    def pop(self) -> None:
        """Leave the running flow."""
        self.set(frames=self.state.frames[:-1])

    def change_frame(self, **changes: Any) -> None:
        """Change the running flow's frame."""
        if self.frame is not None:
            self.set(frames=(*self.state.frames[:-1], dataclasses.replace(self.frame, **changes)))

    def go_to(self, step: int) -> None:
        """Go on at a step of the running flow."""
        self.change_frame(step=step, asked=False)

    def put(self, slot: Slot) -> None:
        """Fill a slot; the slots are kept in the order they were filled."""
        self.assign(slot)
        self.changed.append(slot.name)
        self.progressed = True

    def assign(self, slot: Slot) -> None:
        """Fill a slot or a variable by other means than the caller's words."""
        others = tuple(other for other in self.state.slots if other.name != slot.name)
        spent = tuple(name for name in self.state.spent if name != slot.name)
        self.set(slots=(*others, slot), spent=spent)

    def drop(self, names: Iterable[str]) -> None:
        """Empty slots."""
        gone = set(names)
        self.set(
            slots=tuple(slot for slot in self.state.slots if slot.name not in gone),
            spent=tuple(name for name in self.state.spent if name not in gone),
        )

    def achieve(self, disposition: str) -> None:
        """Note what the call achieved; the latest is last."""
        if disposition:
            others = tuple(code for code in self.state.dispositions if code != disposition)
            self.set(dispositions=(*others, disposition))

    def accept_offers(self) -> None:
        """Count what was told before the task was known as said now; what is really said now comes first."""
        said = {entity.type for entity in self.heard.entities}
        offered = tuple(entity for entity in self.state.offered if entity.type not in said)
        self.heard = dataclasses.replace(self.heard, entities=(*offered, *self.heard.entities))
        self.set(offered=())

    # The reply.

    def context(self) -> dict[str, Any]:
        """What templates see: slots by name, the data, and the time and caller where the call is known."""
        values = self._variables() | {
            slot.name: self.spoken(slot) for slot in self.state.slots if slot.name in self.script.slots
        }
        values |= {"data": self.script.data, "changed": tuple(self.changed), "text": self.heard.text}
        if self.call is not None:
            now = self.call.now.astimezone(ZoneInfo(self.call.time_zone))
            values |= {
                "today": now.date().isoformat(),
                "now": now.strftime("%H:%M"),
                "time_zone": self.call.time_zone,
                "contact": self.call.contact_name,
                "open_items": tuple(dataclasses.asdict(item) for item in self.call.open_items),
                "caller": {
                    "stage": self.call.stage,
                    "calls": self.call.interactions,
                    "last": self.call.last_interaction,
                    "suppressed": self.call.suppressed,
                },
            }
        return values

    def _variables(self) -> dict[str, Any]:
        """The variables that have a value."""
        found: dict[str, Any] = {}
        for name, spec in self.script.variables.items():
            slot = self.state.slot(name)
            value = slot.value if slot is not None else spec.initial
            if value is not None:
                found[name] = from_text(spec.type, value, self.script.spoken)
        return found

    def spoken(self, slot: Slot) -> SpokenValue:
        """A slot's value as templates see it."""
        return SpokenValue(slot.value, self.spoken_form(slot.name, slot.value), slot.raw)

    def spoken_form(self, name: str, value: str) -> str:
        """How a value of a slot is read aloud."""
        spec = self.script.slots.get(name)
        if spec is None or spec.type == "text":
            return value
        return spec.values.get(value) or self.script.spoken.of_type(spec.type, value)

    def words(self, text: Text, **extra: Any) -> tuple[str, ...]:
        """Sentences of a text. Each time it is said its next wording is taken."""
        counts = dict(self.state.said)
        variant = counts.get(text.key, 0)
        words = text.render(variant, self.context() | extra)
        if len(text.sources) > 1:
            counts[text.key] = (variant + 1) % len(text.sources)
            self.set(said=tuple(counts.items()))
        return sentences(words)

    def say(self, text: Text, **extra: Any) -> None:
        """Say a text."""
        self._sentences.extend(self.words(text, **extra))

    def unask(self) -> None:
        """Take the question back that was prepared so far."""
        self._question.clear()

    def unsay(self) -> None:
        """Say nothing of what was prepared so far."""
        self._sentences.clear()
        self._question.clear()

    def phrase(self, name: str, **extra: Any) -> None:
        """Say one of the flow file's phrases."""
        self.say(self.script.phrases[name], **extra)

    def question(self, words: tuple[str, ...]) -> None:
        """Say a question and remember it for silence."""
        self._question.extend(words)

    def act(self, outcome: Outcome) -> None:
        """Cause a side effect once the turn is delivered."""
        self._outcomes.append(outcome)

    def hold_floor(self) -> None:
        """Let the caller hear this turn to its end."""
        self._uninterruptible = True

    def finish(self, disposition: str = "", *, hand_over: bool = False) -> None:
        """End the call; without a disposition it is what the call achieved."""
        self.end = True
        self.hand_over = hand_over
        self.disposition = disposition or achieved(self.state) or "no_action"
        self.set(ended=True, disposition=self.disposition, mode="", target="", choices=())

    def give_to_person(self, reason: str) -> None:
        """Hand the call over, with the event that says why."""
        slots = tuple(slot for slot in self.state.slots if slot.name in self.script.slots)
        self.act(Outcome("HandoverRequested", {"reason": reason}, slots=slots))
        self.finish("handed_over", hand_over=True)

    def result(self) -> tuple[State, Reply]:
        """The new state and the reply."""
        said = (*self._sentences, *self._question)
        # What was done is told before the next question is asked.
        told = len(self._sentences) if self._outcomes and self._sentences and self._question else None
        self.set(last=said, question=tuple(self._question))
        reply = Reply(
            sentences=said,
            expectation=Expectation() if self.end else self.expectation,
            outcomes=tuple(self._outcomes),
            end=self.end,
            disposition=self.disposition,
            hand_over=self.hand_over,
            uninterruptible=self._uninterruptible,
            effective_after=told,
            action=None if self.end else self.action,
        )
        return self.state, reply


def achieved(state: State) -> str:
    """The weightiest thing a call achieved, the latest among equals; empty: nothing."""
    weighty = [code for code in state.dispositions if code not in _MINOR]
    if weighty:
        return weighty[-1]
    return next((code for code in _MINOR if code in state.dispositions), "")


def word_list(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return re.findall(r"\w+", text.casefold())
