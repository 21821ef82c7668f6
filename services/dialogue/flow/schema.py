"""A flow file as values: what `load` makes and the engine walks through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.dialogue.flow.mistakes import Place
    from services.dialogue.flow.spoken.forms import SpokenForms
    from services.dialogue.flow.templates import Condition, Expression, Text
    from services.dialogue.policy import TurnTaking

PHRASES: Final[Mapping[str, str]] = {
    "greeting": "the first words of a call; the question follows it",
    "how_can_i_help": "asks what to do, where nothing was served yet",
    "anything_else": "asks what else to do",
    "say_again": "said when a turn was not understood, before the question is asked again",
    "options": "says what the caller can choose between",
    "or_person": "added when the second turn in a row was not understood",
    "no_luck": "said before the call goes to a person because it does not get on",
    "hand_over": "said when the caller asks for a person",
    "which_detail": "asks what is wrong when the caller said no to a summary",
    "which_one": "asks which of several readings was meant; `choices` holds them",
    "switch": "asks whether to leave the running task for another one; `task` is its title",
    "dropped": "said when a task is given up",
    "before_you_go": "said when the caller says goodbye to an unanswered summary",
    "you_are_welcome": "answers thanks",
    "opted_out": "said when the caller asks not to be called any more",
    "still_there": "said after silence, before the question is asked again",
    "no_answer": "said when nobody answers, at the end of the call",
    "goodbye": "the last words of a call",
}
"""The texts every flow file has, and what each is for."""

OPTIONAL_PHRASES: Final[Mapping[str, str]] = {
    "greeting_outbound": "the first words of a call that the agent makes; else the greeting",
    "help": "answers a plain call for help; else the options",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of a conversation."""

    min_confidence: float = 0.6
    """An intent below it is not understood."""
    min_entity_confidence: float = 0.5
    """An entity below it is not taken."""
    sure_confidence: float = 0.8
    """An intent that interrupts a question which was answered in the same turn needs at least this; so does an
    entity with several readings to be taken without asking which was meant."""
    max_attempts: int = 3
    """Turns in a row that are not understood before a person takes over."""
    max_stalls: int = 6
    """Turns in a row that lead no further before a person takes over."""
    max_turns: int = 100
    """Turns of a call before a person takes over."""
    opt_out_channel: str = "voice"
    """The channel "do not call me" is about; empty: all."""
    negations: tuple[str, ...] = ()
    """Words before a value that mean another one is wanted: "not", "instead of"."""
    turn_taking: TurnTaking | None = None
    """How turns are taken in the whole domain."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a slot's value must not be, and what is said then."""

    reject: Condition
    say: Text


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """A value the flows collect."""

    name: str
    place: Place
    type: str
    """Entity type; "text": the caller's whole sentence."""
    prompt: Text | None = None
    reprompt: Text | None = None
    help: Text | None = None
    ack: Text | None = None
    called: tuple[str, ...] = ()
    """Words that name it: "the day"."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Allowed values and how each is spoken; empty: any."""
    keep: bool = False
    """Whether later flows of the call use it again."""
    from_contact: bool = False
    """Whether the caller's name on record fills it."""
    checks: tuple[Check, ...] = ()
    characters: tuple[int, int] | None = None
    """How many digits or letters its value has, at least and at most; None: unknown."""
    words: int | None = None
    """How many words its value has at least; None: unknown."""


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A value that steps and actions set, never the caller."""

    name: str
    place: Place
    type: str
    """text, number, date, time, boolean or money."""
    initial: str | None = None
    """Its value, in normal form, until it is set; None: it has none."""


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text."""

    text: Text
    uninterruptible: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks for a slot unless it is known."""

    slot: str
    place: Place
    prompt: Text
    reprompt: Text
    optional: bool = False
    """Whether "no" goes on without it."""
    turn_taking: TurnTaking | None = None
    """How turns are taken while the answer is waited for."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Sums up and waits for yes, no or a correction; asks for slots that are empty first."""

    text: Text
    again: Text
    slots: tuple[str, ...]
    also: tuple[str, ...]
    """Slots it names where they are known, but does not ask for."""
    place: Place
    turn_taking: TurnTaking | None = None
    """How turns are taken while the answer is waited for."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Goes the first way whose condition holds; a way without one is the "else"."""

    ways: tuple[tuple[Condition | None, tuple[Step, ...]], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Act:
    """Causes a business event."""

    event: str
    fields: tuple[tuple[str, Text], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class HandOver:
    """Gives the call to a person."""

    reason: str
    text: Text | None


@dataclass(frozen=True, slots=True)
class End:
    """Ends the call."""

    text: Text


@dataclass(frozen=True, slots=True)
class Set:
    """Gives variables values, in order; a later one sees the earlier."""

    values: tuple[tuple[str, Expression], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """Has an action done and goes on with what it came to."""

    action: str
    arguments: tuple[tuple[str, Text], ...]
    place: Place
    effect: bool = False
    """Whether it changes anything; see `policy.Action`."""
    timeout: float | None = None
    """Seconds; None: the server's own."""
    filler: Text | None = None
    """What is said when it takes long; None: the language's own fillers."""
    into: tuple[tuple[str, str], ...] = ()
    """Slots and variables that take a field of the result, each with the field's name."""
    reads: frozenset[str] = frozenset()
    """Names its arguments use: when one changes, the action is asked again."""
    failed: tuple[Step, ...] = ()
    """What is done when it fails; none: the call goes to a person."""
    failed_at: int | None = None
    """In a program: where `failed` begins."""


@dataclass(frozen=True, slots=True)
class Run:
    """Runs another flow, then goes on."""

    flow: str
    place: Place


@dataclass(frozen=True, slots=True)
class Goto:
    """Goes to the beginning of another flow for good."""

    flow: str
    place: Place


Step = Say | Ask | Confirm | Branch | Act | Set | Call | Run | HandOver | End | Goto


@dataclass(frozen=True, slots=True)
class Jump:
    """In a program: go on at `target` unless the condition holds; without one, always."""

    target: int
    unless: Condition | None = None


Instruction = Say | Ask | Confirm | Act | Set | Call | Run | HandOver | End | Goto | Jump


@dataclass(frozen=True, slots=True)
class Promise:
    """What a finished flow commits a side to, or what it leads to."""

    by: str
    """"caller" or "agent"."""
    what: Text
    due: Text | None = None
    """Gives an ISO 8601 date, or a date and time; None: no day is named."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One task or answer of a domain."""

    name: str
    place: Place
    steps: tuple[Step, ...]
    program: tuple[Instruction, ...]
    """The steps with branches as jumps; a running flow's position is an index into it."""
    slots: tuple[str, ...]
    """Slots it asks for, confirms or collects in passing."""
    needs: tuple[tuple[str, ...], ...] = ()
    """For each step of the program, the slots that are known there; one that was taken back is asked again."""
    title: str = ""
    """What the caller does with it: "book an appointment"."""
    intents: tuple[str, ...] = ()
    """Intents that start it; none: only other flows do."""
    information: bool = False
    """Whether it only answers a question: it may interrupt a task, which then goes on."""
    urgent: int = 0
    """From 1 to 9: it interrupts whatever is less urgent, at once and unasked; 0: it waits its turn."""
    disposition: str = ""
    """How the call ends when this was its outcome."""
    summary: Text | None = None
    """A sentence about what it did."""
    commits: tuple[Promise, ...] = ()
    """What either side is to do once it is finished."""
    next_step: Promise | None = None
    """What happens next."""
    suggested_by: tuple[str, ...] = ()
    """Slots whose value alone begins it, between two tasks."""
    after_correction: str = ""
    """The flow that mends it when the caller corrects a value after its end; empty: itself."""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole flow file."""

    domain: str
    language: str
    version: str
    """The file's version and a digest of its text: a state of another version is not trusted blindly."""
    description: str
    data: Mapping[str, Any]
    settings: Settings
    phrases: Mapping[str, Text]
    summaries: Mapping[str, Text]
    """A sentence about calls that ended with a disposition and did nothing else."""
    slots: Mapping[str, SlotSpec]
    variables: Mapping[str, VariableSpec]
    flows: Mapping[str, Flow]
    by_intent: Mapping[str, str]
    """The flow each intent starts."""
    spoken: SpokenForms
