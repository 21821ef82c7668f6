"""Where a conversation stands: plain values that are stored, and taken up by another process."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any


class StateError(ValueError):
    """A stored state cannot be read."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of information the caller named; `value` is in its normal form (ISO 8601, E.164, ...)."""

    type: str
    value: str
    raw: str = ""
    start_char: int = 0
    end_char: int = 0
    confidence: float | None = None
    """The probability that it is right, 0 to 1; None: unknown."""
    alternatives: tuple[str, ...] = ()
    """Other readings of the same words, the likeliest first: the agent asks rather than guesses."""
    start: float | None = None
    """Beginning of the words in seconds on the audio clock; None: not spoken, or not known."""
    end: float | None = None
    """Their end."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value the conversation has collected."""

    name: str
    value: str
    raw: str = ""
    type: str = ""
    """The entity type it was filled from; "text" for a whole sentence."""
    confidence: float | None = None
    confirmed: bool = False
    """Whether the caller said yes to it."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Something that one side said it would do."""

    by: str
    """"caller" or "agent"."""
    words: str
    """What it is, as it was said."""
    due: str = ""
    """ISO 8601 date, or date and time, local to the call; empty: no day was named."""
    turn_id: str = ""
    """The caller's turn that said it; empty: a script says it."""
    at: float | None = None
    """Where that is, in seconds on the audio clock."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next, and who takes it: "caller" or "agent"; `due` as in `Commitment`."""

    what: str
    by: str = "agent"
    due: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One flow on the stack: its name and the step it stands at."""

    flow: str
    step: int = 0
    intent: str = ""
    """The intent that started it."""
    asked: bool = False
    """Whether the question of this step was asked before."""
    acted: bool = False
    """Whether the flow has caused an outcome."""
    digression: bool = False
    """Whether it interrupts the flow below it, which goes on with its question afterwards."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something in a conversation's history, for policies that keep one."""

    role: str
    """"caller", "agent" - the words that were heard -, "call" - the arguments of an action - or "result"."""
    text: str
    name: str = ""
    """The action's."""
    key: str = ""
    """What joins a call and its result."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a conversation stands. Everything a policy needs for the next turn; JSON-serialisable."""

    domain: str
    language: str
    version: str = ""
    """Version of the script the state was made with."""
    frames: tuple[Frame, ...] = ()
    """The stack of flows, the running one last; empty: between two tasks."""
    mode: str = ""
    """What the running step waits for, where the step alone does not say it."""
    target: str = ""
    """What `mode` is about: a slot or a flow."""
    choices: tuple[str, ...] = ()
    """The values the caller chooses between."""
    slots: tuple[Slot, ...] = ()
    spent: tuple[str, ...] = ()
    """Names of slots that served a finished flow."""
    offered: tuple[Entity, ...] = ()
    """What the caller told before saying what it is for; the next task takes it."""
    question: tuple[str, ...] = ()
    """The agent's last question, as it was said."""
    last: tuple[str, ...] = ()
    """All of the agent's last reply, for "could you repeat that?"."""
    said: tuple[tuple[str, int], ...] = ()
    """How often each text was said, so that wordings vary."""
    attempts: int = 0
    """Turns in a row that were not understood."""
    stalls: int = 0
    """Turns in a row that led no further."""
    turns: int = 0
    """The caller's turns."""
    wished: tuple[str, ...] = ()
    """Intents that were said together with another one and wait for their turn."""
    served: tuple[str, ...] = ()
    """Intents that were served, in order, each once."""
    dispositions: tuple[str, ...] = ()
    """What was achieved so far, in order."""
    summary: tuple[str, ...] = ()
    """What happened so far, a sentence each."""
    commitments: tuple[Commitment, ...] = ()
    """What finished tasks commit either side to, in order."""
    next_step: NextStep | None = None
    """What the task that was finished last leads to."""
    intent_confidence: float | None = None
    """Confidence in the intent of the running task."""
    last_flow: str = ""
    """The task that was finished last."""
    history: tuple[Said, ...] = ()
    """What was said, for policies that need it, the latest last."""
    led_by: str = ""
    """Which of several policies leads the conversation; empty: the first."""
    ended: bool = False
    disposition: str = ""
    """How the call ended; empty while it runs."""

    def slot(self, name: str) -> Slot | None:
        """The slot of that name, or None while it is empty."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def to_json(self) -> str:
        """The state as a JSON document; `from_json` reads it back to an equal state."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, document: str) -> State:
        """Read what `to_json` wrote. Keys of newer versions are left out.

        Raises:
            StateError: The document is not a state.

        """
        try:
            raw = json.loads(document)
            known = {item.name for item in dataclasses.fields(cls)}
            values: dict[str, Any] = {key: _freeze(value) for key, value in raw.items() if key in known}
            values["frames"] = tuple(Frame(**item) for item in raw.get("frames", ()))
            values["slots"] = tuple(Slot(**item) for item in raw.get("slots", ()))
            values["history"] = tuple(Said(**item) for item in raw.get("history", ()))
            values["offered"] = tuple(_entity(item) for item in raw.get("offered", ()))
            values["commitments"] = tuple(Commitment(**item) for item in raw.get("commitments", ()))
            values["next_step"] = NextStep(**raw["next_step"]) if raw.get("next_step") else None
            return cls(**values)
        except (AttributeError, TypeError, ValueError) as error:
            raise StateError(f"a stored conversation state cannot be read: {error}") from error


def _entity(item: dict[str, Any]) -> Entity:
    return Entity(**{key: _freeze(value) for key, value in item.items()})


def _freeze(value: Any) -> Any:
    """Lists as tuples, at every depth: JSON has no tuples and a state has no lists."""
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value
