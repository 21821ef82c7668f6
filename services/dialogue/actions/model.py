"""What an action is: the Protocol it fulfils and what is known of it beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from services.dialogue.policy import CallInfo


class ActionError(Exception):
    """The action could not be done; the text says why, without anything the caller said."""


class Act(Protocol):
    """Does one kind of thing.

    It is an `async` callable, runs on the event loop and must not block it. It may be cancelled at any moment. What
    changes nothing may be called in vain: for a turn that the caller then went on with. Where it changes something,
    `call.action_key` is the same whenever one and the same action is repeated - by a process that took a killed one's
    call over, say - so that whoever does it can tell; else it is empty.

    Raises:
        ActionError: it could not be done. Any other exception counts the same.
    """

    async def __call__(self, arguments: Mapping[str, str], call: CallInfo, /) -> Mapping[str, str]:
        """Do it and return what it came to, by name."""
        ...


@dataclass(frozen=True)
class ActionSpec:
    """An action and what is known of it."""

    name: str
    act: Act = field(repr=False)
    description: str = ""
    """What it does, in a sentence: language models read it."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What it needs to be told, each with a description."""
    optional: tuple[str, ...] = ()
    """Those of the arguments that it can do without."""
    effect: bool = False
    """Whether it changes anything. A flow's step may say yes where this says no, not the other way round."""
    timeout: float | None = None
    """Seconds after which it has failed; None: the server's own."""
