"""What decides the agent's next words: the vendor-neutral `Policy` and the plain values it speaks in.

A policy is pure and synchronous. It reads no clock (the time comes in `CallInfo.now`), does no input or
output, and never changes what it was given: the same state, understanding and call give the same new state
and reply. So a turn can be speculated and thrown away, and a state can be stored and resumed elsewhere.
Side effects are named in `Reply.outcomes`; the caller of the policy carries them out once the turn is
delivered. The flow engine is the default policy; a language model stands behind the same Protocol and, because its
words take their time, behind `StreamingPolicy` (`streaming.py`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from services.dialogue.state import Commitment, Entity, Frame, NextStep, Said, Slot, State, StateError

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["Commitment", "Entity", "Frame", "NextStep", "Said", "Slot", "State", "StateError"]
"""Of the state, named here because policies speak in them."""

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
    "service_interrupted",
)
"""The codes a call can end with. Flows may add their own."""


class UnknownDomainError(LookupError):
    """The call names a domain, a language or a flow that this policy does not have."""


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
    """An open appointment, order, deal or ticket of the caller, in a line."""

    record_id: str
    kind: str
    title: str = ""
    state: str = ""
    vendor: str = ""
    """The business system that says so; empty: the mesh's own records."""
    amount: str = ""
    """What it is worth, a decimal number; empty: not known."""
    currency: str = ""


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
    stage: str = ""
    """How far what the caller wants has come, as the records have it; empty: not known."""
    interactions: int = 0
    """How many conversations with the caller are on record."""
    last_interaction: str = ""
    """What the last of them was about, in a sentence."""
    suppressed: bool = False
    """Whether the caller asked not to be reached."""
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
