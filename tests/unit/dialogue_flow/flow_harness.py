"""A harness for scripted dialogues: the caller's lines carry their understanding, the agent's are compared.

Their form is that of `services.dialogue.flow.tools.scripts`. Here every turn is computed twice and stored in between,
as a real session does.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.dialogue.flow import FlowPolicy
from services.dialogue.flow.tools import play as tools
from services.dialogue.flow.tools.scripts import Dialogue, call_of, read_dialogues, understood
from services.dialogue.policy import ActionResult, CallInfo, Reply, State, Understanding

__all__ = ["FRIDAY", "ZONE", "Careful", "Dialogue", "Player", "call_of", "dialogues", "play", "understood"]

FRIDAY = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
"""Nine o'clock of a Friday in New York: when scripted calls take place."""
ZONE = "America/New_York"


def dialogues(path: Path, domain: str = "", language: str = "en-US") -> list[Dialogue]:
    return read_dialogues(path, domain or path.stem, language)


@dataclass
class Careful:
    """A policy whose every turn is computed twice, the second time from a stored state; both must be the same."""

    policy: FlowPolicy

    def start(self, call: CallInfo) -> tuple[State, Reply]:
        first = self.policy.start(call)
        assert first == self.policy.start(call)
        return first

    def respond(self, state: State, understanding: Understanding, call: CallInfo) -> tuple[State, Reply]:
        return self._twice(state, lambda known: self.policy.respond(known, understanding, call))

    def on_action(self, state: State, result: ActionResult, call: CallInfo) -> tuple[State, Reply]:
        return self._twice(state, lambda known: self.policy.on_action(known, result, call))

    def on_silence(self, state: State, count: int) -> tuple[State, Reply]:
        return self._twice(state, lambda known: self.policy.on_silence(known, count))

    def read_keys(self, state: State, keys: str, call: CallInfo) -> Understanding:
        return self.policy.read_keys(state, keys, call)

    def _twice(self, state: State, turn: Callable[[State], tuple[State, Reply]]) -> tuple[State, Reply]:
        before = state.to_json()
        first = turn(state)
        assert state.to_json() == before, "the policy changed the state it was given"
        assert first == turn(State.from_json(before)), "the same turn was answered in two ways"
        return first


class Player(tools.Player):
    """Holds one dialogue, carefully."""

    def __init__(self, policy: FlowPolicy, call: CallInfo) -> None:
        super().__init__(Careful(policy), call)  # type: ignore[arg-type] - as much of a policy as is played

    def say(self, line: str) -> Reply:
        self.silences = 0
        self.hear(understood(line))
        return self.reply

    def keep_silent(self) -> Reply:
        self.take("...")
        return self.reply


def play(policy: FlowPolicy, dialogue: Dialogue) -> list[str]:
    """The dialogue's lines as they come out when its caller's lines are said."""
    return list(tools.play(Careful(policy), dialogue, time_zone=ZONE).lines)  # type: ignore[arg-type]
