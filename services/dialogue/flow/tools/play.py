"""Plays scripted dialogues against a policy and compares what the agent says."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from services.dialogue.flow.mistakes import FlowFileError, Mistake
from services.dialogue.flow.tools.scripts import (
    CALLER,
    KEYS,
    RESULT,
    SILENCE,
    call_of,
    meaning_of,
    pairs,
    words_of,
)
from services.dialogue.policy import ActionResult, UnknownDomainError

_SURE: Final = 0.8
_WEAK: Final = 0.5
"""Where an intent's and an entity's confidence begin to matter by the flows' own defaults: it is noted down below."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.dialogue.flow.tools.scripts import Dialogue
    from services.dialogue.policy import CallInfo, Entity, Expectation, Policy, Reply, State, Understanding

    Understand = Callable[[str, Expectation, CallInfo], Understanding]
    """What words mean, given what is waited for."""


@dataclass
class Player:
    """Holds one conversation; `understand` is asked what words mean, None: their meaning must be noted down."""

    policy: Policy
    call: CallInfo
    understand: Understand | None = None
    state: State = field(init=False)
    reply: Reply = field(init=False)
    heard: Understanding | None = field(default=None, init=False)
    """What the last line of the caller meant."""
    silences: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """The agent's first words."""
        self.state, self.reply = self.policy.start(self.call)

    def take(self, line: str) -> None:
        """Do what a line says: words, keys, silence, or an action's result.

        Raises:
            ValueError: The line is none of them, or its meaning is neither noted down nor found out.

        """
        if line == SILENCE:
            self.silences += 1
            self.state, self.reply = self.policy.on_silence(self.state, self.silences)
            return
        self.silences = 0
        if line.startswith(KEYS):
            self.hear(self.policy.read_keys(self.state, line.removeprefix(KEYS).strip(), self.call))
        elif line.startswith(CALLER):
            self.hear(self._meant(line.removeprefix(CALLER)))
        elif line.startswith(RESULT):
            values = dict(pairs(line.removeprefix(RESULT)))
            result = ActionResult(
                {key: value for key, value in values.items() if key != "error"}, values.get("error", "")
            )
            self.state, self.reply = self.policy.on_action(self.state, result, self.call)
        else:
            raise ValueError(f"{line!r} is nothing that a caller does")

    def hear(self, heard: Understanding) -> None:
        """Answer a turn of the caller."""
        self.heard = heard
        self.state, self.reply = self.policy.respond(self.state, heard, self.call)

    def _meant(self, line: str) -> Understanding:
        if self.understand is not None:
            return self.understand(words_of(line), self.reply.expectation, self.call)
        noted = meaning_of(line)
        if noted is None:
            raise ValueError(f"the meaning of {line!r} is not noted down; write '> INTENT TYPE=VALUE | WORDS'")
        return noted

    def transcript(self) -> list[str]:
        """The agent's turn as lines of a script."""
        lines = [f"< {self.reply.text}"] if self.reply.sentences else []
        lines += [_line("!", outcome.event, outcome.fields) for outcome in self.reply.outcomes]
        if self.reply.action is not None:
            lines.append(_line("?", self.reply.action.name, self.reply.action.arguments))
        if self.reply.end:
            lines.append(f"= {self.reply.disposition}")
        return lines


def _line(mark: str, name: str, values: dict[str, str]) -> str:
    return f"{mark} {name}" + "".join(f" {key}={shlex.quote(value)}" for key, value in values.items())


@dataclass(frozen=True)
class Played:
    """A dialogue as it went."""

    dialogue: Dialogue
    lines: tuple[str, ...]
    """As it came out; the caller's lines as they were written."""
    noted: tuple[str, ...]
    """The same, the caller's lines with the meaning they had."""

    @property
    def passed(self) -> bool:
        """Whether it went as written."""
        return self.lines == self.dialogue.lines

    def diff(self) -> list[str]:
        """What differs, line by line: "-" is written, "+" came out; a line of both stands around it."""
        found = difflib.unified_diff(self.dialogue.lines, self.lines, n=2, lineterm="")
        return [line for line in found if not line.startswith(("---", "+++"))]

    def document(self) -> dict[str, Any]:
        """It as a JSON object."""
        made: dict[str, Any] = {
            "name": self.dialogue.name,
            "file": self.dialogue.file,
            "line": self.dialogue.line,
            "domain": self.dialogue.domain,
            "language": self.dialogue.language,
            "passed": self.passed,
        }
        if not self.passed:
            made |= {"diff": self.diff(), "played": list(self.noted)}
        return made


def play(policy: Policy, dialogue: Dialogue, *, time_zone: str, understand: Understand | None = None) -> Played:
    """Say the caller's lines of a dialogue and note down what the agent answers.

    Raises:
        FlowFileError: A line cannot be played.

    """
    lines = list(dialogue.lines)
    options = lines.pop(0) if lines and lines[0].startswith("@") else ""
    first = dialogue.line + (2 if options else 1)
    try:
        call = call_of(dialogue.domain, options.removeprefix("@"), language=dialogue.language, time_zone=time_zone)
        player = Player(policy, call, understand)
    except (ValueError, UnknownDomainError) as error:
        raise _unplayable(dialogue, dialogue.line + 1, error) from error
    played = [*([options] if options else []), *player.transcript()]
    noted = list(played)
    for number, line in enumerate(lines, first):
        if not line.startswith((CALLER, RESULT)) and line != SILENCE:
            continue
        if player.reply.end:
            break
        try:
            player.take(line)
        except ValueError as error:
            raise _unplayable(dialogue, number, error) from error
        played += [line, *player.transcript()]
        noted += [_noted(line, player), *player.transcript()]
    return Played(dialogue, tuple(played), tuple(noted))


def _unplayable(dialogue: Dialogue, number: int, error: Exception) -> FlowFileError:
    remedy = "See docs/flows.md for the lines of a dialogue."
    return FlowFileError(Mistake(dialogue.file, number, str(error).rstrip("."), remedy))


def _noted(line: str, player: Player) -> str:
    if not line.startswith(CALLER) or line.startswith(KEYS) or player.heard is None:
        return line
    heard = player.heard
    kinds = [entity.type for entity in heard.entities]
    theirs = [entity for part in heard.further for entity in part.entities]
    own = [entity for entity in heard.entities if entity not in theirs]
    words = [_sure("-" if heard.out_of_scope else heard.intent or "?", heard.confidence)]
    words += [_note(entity, kinds) for entity in own]
    for part in heard.further:
        words += [f"+{_sure(part.intent, part.confidence)}", *(_note(entity, kinds) for entity in part.entities)]
    return f"{CALLER}{' '.join(words)} | {heard.text}"


def _sure(name: str, confidence: float | None) -> str:
    return name if confidence is None or confidence >= _SURE else f"{name}@{confidence:.2f}"


def _note(entity: Entity, kinds: list[str]) -> str:
    value = "/".join((entity.value, *entity.alternatives))
    weighs = entity.alternatives or (entity.confidence is not None and entity.confidence < _WEAK)
    trust = f"@{entity.confidence:.2f}" if weighs and entity.confidence is not None else ""
    raw = f"~{entity.raw}" if kinds.count(entity.type) > 1 else ""
    return f"{entity.type}={_quoted(value + trust + raw)}"


def _quoted(value: str) -> str:
    return shlex.quote(value) if re.search(r"[\s'\"\\]", value) or not value else value


def rewritten(played: list[Played]) -> str:
    """A script of dialogues as they went, the meaning of the caller's words noted down."""
    paragraphs = ("\n".join((f"# {each.dialogue.name}", *each.noted)) for each in played)
    return "\n\n".join(paragraphs) + "\n"
