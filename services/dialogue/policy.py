"""What decides the agent's next words: the vendor-neutral `Policy` and the plain values it speaks in.

A policy is pure and synchronous. It reads no clock (the time comes in `CallInfo.now`), does no input or
output, and never changes what it was given: the same state, understanding and call give the same new state
and reply. So a turn can be speculated and thrown away, and a state can be stored and resumed elsewhere.
Side effects are named in `Reply.outcomes`; the caller of the policy carries them out once the turn is
delivered. The flow engine is the default policy; a language model stands behind the same Protocol and, because its
words take their time, behind
`StreamingPolicy` (`streaming.py`).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import datetime as dt

DISPOSITIONS: Final = (
    "appointment_booked",
    "appointment_rescheduled",
    "appointment_cancelled",
    "complaint_logged",
    "return_requested",
    "order_status_given",
    "information_given",
    "handed_over",
    "opted_out",
    "no_action",
    "caller_hung_up",
)
"""The codes a call can end with. Flows may add their own."""


class UnknownDomainError(LookupError):
    """The call names a domain, a language or a flow that this policy does not have."""


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
class FurtherIntent:
    """What a part of a turn wants besides the rest of it: "book a cleaning, and how much is it?"."""

    intent: str
    confidence: float | None = None
    entities: tuple[Entity, ...] = ()
    """Those of the turn's entities that stand in this part."""


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a caller's turn means. `intent` is empty when nothing fits; `confidence` None when unknown."""

    text: str
    intent: str = ""
    confidence: float | None = None
    out_of_scope: bool = False
    entities: tuple[Entity, ...] = ()
    sentiment: float | None = None
    """From -1 (bad) to 1 (good); None: unknown."""
    further: tuple[FurtherIntent, ...] = ()
    """What is wanted besides `intent`, in the order it was said."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An open appointment, order or ticket of the caller, in a line."""

    record_id: str
    kind: str
    title: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What is known of the call. It may grow while the call runs: the caller's context can arrive late."""

    domain: str
    language: str
    time_zone: str
    """IANA name; dates and times in slots are local to it."""
    now: dt.datetime
    """The moment of this turn, with its time zone."""
    direction: str = "inbound"
    """"inbound" or "outbound"."""
    contact_name: str = ""
    """The caller's name as the records have it; empty: not known."""
    open_items: tuple[OpenItem, ...] = ()
    flow: str = ""
    """The flow to begin with; empty: the caller is asked what to do."""
    action_key: str = ""
    """While an action is done that changes something: the same whenever it is repeated, and never another's."""


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """How turns are taken while an answer is waited for, in seconds; None: the server's own."""

    shortest_pause: float | None = None
    """Silence after which a complete sentence is a turn."""
    longest_pause: float | None = None
    """Silence after which any words are a turn."""
    barge_in_speaking: float | None = None
    """Speech over the agent's voice that makes the agent pause."""
    barge_in_thinking: float | None = None
    """Speech that makes the agent drop the answer it prepares."""

    def over(self, base: TurnTaking) -> TurnTaking:
        """Fill what is unset from `base`."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return dataclasses.replace(base, **{name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the agent waits for, so that the answer is read in its light; the likeliest first."""

    intents: tuple[str, ...] = ()
    entity_types: tuple[str, ...] = ()
    yes_no: bool = False
    """Whether a yes or a no is a whole answer."""
    characters: tuple[int, int] | None = None
    """How many digits or letters a number that is waited for has, at least and at most; None: unknown."""
    text: bool = False
    """Whether any words are an answer: what happened, in a sentence."""
    words: int | None = None
    """How many words a whole answer has at least; None: unknown."""
    keys: int | None = None
    """How many telephone keys are a whole answer; None: as many as come before `#` or a pause."""
    turn_taking: TurnTaking = TurnTaking()
    """How this answer is waited for."""


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
class Outcome:
    """A side effect: one business event, to be published once the turn that carries it is delivered."""

    event: str
    """Name of a message in `voicemesh.events.v1`, for example "AppointmentRequested"."""
    fields: dict[str, str] = field(default_factory=dict)
    """Values of the message's own text fields."""
    confidence: float | None = None
    """The probability that it is what the caller wants, 0 to 1; None: unknown."""
    slots: tuple[Slot, ...] = ()
    intent: str = ""
    """The intent it serves; empty: none in particular."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done before the agent can go on: ask a calendar, look an order up, change a booking."""

    name: str
    """Of the entry point in `voicemesh.dialogue.actions` that does it, or of one the domain declares."""
    arguments: dict[str, str] = field(default_factory=dict)
    effect: bool = False
    """Whether it changes anything: then it waits until the caller has heard the sentences before it, and is never
    done for a turn that was only guessed. What changes nothing may be done early, and in vain."""
    timeout: float | None = None
    """Seconds after which it has failed; None: the server's own."""
    filler: str = ""
    """What is said when it takes long; empty: the language's own fillers."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action came to."""

    values: dict[str, str] = field(default_factory=dict)
    error: str = ""
    """Why it failed, in a sentence for the log; empty: it did not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent says and does next."""

    sentences: tuple[str, ...]
    expectation: Expectation = Expectation()
    outcomes: tuple[Outcome, ...] = ()
    end: bool = False
    """Whether the call is over once this is said."""
    disposition: str = ""
    """How the call ended; set exactly when `end` is."""
    hand_over: bool = False
    """Whether a person takes the call over; `end` is set too."""
    uninterruptible: bool = False
    """Whether the caller must hear it to its end."""
    effective_after: int | None = None
    """How many of the sentences the caller must have heard for the outcomes to take effect; None: all.
    Until then the caller cannot interrupt."""
    action: Action | None = None
    """What is done after these sentences; `Policy.on_action` then says how the agent goes on."""

    @property
    def text(self) -> str:
        """All sentences in one line."""
        return " ".join(self.sentences)


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


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """A domain a policy can hold conversations in."""

    name: str
    description: str
    languages: tuple[str, ...]
    flows: tuple[str, ...]


class Policy(Protocol):
    """Decides what the agent says. Every method is pure; none blocks, none keeps anything."""

    def domains(self) -> tuple[DomainInfo, ...]:
        """The domains that can be conversed in, by name."""
        ...

    def start(self, call: CallInfo) -> tuple[State, Reply]:
        """Begin a conversation with the greeting.

        Raises:
            UnknownDomainError: There is no such domain, language or flow.

        """
        ...

    def respond(self, state: State, understanding: Understanding, call: CallInfo) -> tuple[State, Reply]:
        """Answer a caller's turn.

        The result may be thrown away and asked for again. Nothing the caller says raises; only a state or a
        call of an unknown domain does.

        Raises:
            UnknownDomainError: The state's domain or language is not there (any more).

        """
        ...

    def on_action(self, state: State, result: ActionResult, call: CallInfo) -> tuple[State, Reply]:
        """Go on once the action of the last reply is done, or has failed.

        `state` is the one that came with that reply. The new reply may hold another action. Like `respond` it may be
        thrown away and asked for again.

        Raises:
            UnknownDomainError: The state's domain or language is not there (any more).

        """
        ...

    def on_silence(self, state: State, count: int) -> tuple[State, Reply]:
        """React when the caller has said nothing for the `count`-th time in a row, counted from 1.

        It prompts twice, then says goodbye and ends the call.
        """
        ...

    def read_keys(self, state: State, keys: str, call: CallInfo) -> Understanding:
        """What telephone keys mean as the answer to what is waited for.

        They fill the slots that speech fills. `keys` holds 0-9, A-D and `*`; a `#` that ended them is left out.
        Keys that mean nothing here give an understanding out of scope.
        """
        ...

    def abandon(self, state: State) -> str:
        """Disposition of a call whose caller vanished: what was achieved, else "caller_hung_up"."""
        ...

    def summarise(self, state: State, disposition: str) -> str:
        """What happened in the call, in at most two sentences."""
        ...
