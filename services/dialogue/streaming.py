"""Policies whose answers take their time: the agent begins with the first sentence while the rest is still found."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from services.dialogue.policy import ActionResult, CallInfo, Policy, Reply, State, Understanding


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply as far as it is known. Of the drafts of one answer each has the sentences of the one before, and more."""

    state: State
    """Where the conversation stands if nothing more comes."""
    reply: Reply
    done: bool = True


@runtime_checkable
class StreamingPolicy(Policy, Protocol):
    """A policy whose answers come bit by bit, and may wait for others.

    Nothing has happened for an answer that is broken off: its generator is closed, which must stop what it waits for.
    The other methods are those of a pure policy.
    """

    def answer(self, state: State, understanding: Understanding, call: CallInfo) -> AsyncGenerator[Draft, None]:
        """Answer a caller's turn like `respond`: drafts, each told at once, the last of them done."""
        ...

    def answer_action(self, state: State, result: ActionResult, call: CallInfo) -> AsyncGenerator[Draft, None]:
        """Go on like `on_action`: drafts, the last of them done."""
        ...

    def on_interrupted(self, state: State, said: str, heard: str) -> State:
        """The caller broke the agent's last turn off, and heard only its beginning."""
        ...
