"""What the floor works with: its tools, how turns are taken unless somebody wants it otherwise, the last answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.dialogue import model
from services.dialogue.intake import AudioIntake
from services.dialogue.policy import CallInfo, Expectation, Policy, State, TurnTaking, Understanding
from services.dialogue.ports import CallRecord, CrmLink
from services.dialogue.turns.agent_side import AgentSide, Emit
from services.dialogue.turns.habits import Habits
from services.dialogue.turns.hearing import CallerTurn
from services.dialogue.turns.preparation import Preparation, Preparer
from services.dialogue.turns.timers import Timers


@dataclass(frozen=True)
class Pace:
    """How turns are taken unless client or flow say otherwise; seconds."""

    taking: TurnTaking = field(default_factory=lambda: TurnTaking(0.2, 1.2, 0.06, 0.06))
    """With every value set."""
    repair_s: float = 1.0
    """Words that follow a turn's end so soon belong to it."""
    filler_s: float = 0.8
    """An answer that takes longer is preceded by a filler."""
    doubt_s: float = 2.5
    """A sound over the agent's voice that has no words for so long is none of the caller's."""
    keys_s: float = 2.0
    """So long after the last key an answer in keys is over."""


@dataclass
class Desk:
    """What the floor works with."""

    policy: Policy
    record: CallRecord
    crm: CrmLink
    emit: Emit
    intake: AudioIntake | None
    preparer: Preparer
    agent: AgentSide
    habits: Callable[[], Habits]
    call: Callable[[], CallInfo]
    expect: Callable[[Expectation], Awaitable[None]]
    """Tells the neighbours what is waited for."""
    tell: Callable[[Preparation], Awaitable[None]]
    """Puts a finished preparation into the session's inbox."""
    tasks: asyncio.TaskGroup
    timers: Timers
    info: Callable[[], model.SessionInfo]


@dataclass
class Answered:
    """A caller's turn whose answer may still be taken back."""

    turn: CallerTurn
    base: State
    expectation: Expectation
    understanding: Understanding
    effective: bool = False
