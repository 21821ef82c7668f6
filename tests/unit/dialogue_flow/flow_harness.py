"""A harness for scripted dialogues: the caller's lines carry their understanding, the agent's are compared.

A script is plain text, one dialogue a paragraph:

    # name of the dialogue
    @ contact="Sarah Miller" item=order:A4512:in_transit       what is known of the call, where anything is
    < Words of the agent.
    > intent@0.9 type=value@0.8 type=value/other | words of the caller
    ...                                                        the caller says nothing
    ! Event field=value                                        an outcome of the turn above
    = disposition                                              the call ended

An intent of "-" is out of scope, "?" is none; confidences may be left out (0.9, entities: unknown).
"""

import datetime as dt
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from services.dialogue.flow import FlowPolicy
from services.dialogue.policy import CallInfo, Entity, OpenItem, Reply, State, Understanding

FRIDAY = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
"""Nine o'clock of a Friday in New York."""


@dataclass(frozen=True)
class Dialogue:
    name: str
    domain: str
    lines: tuple[str, ...]


def dialogues(path: Path) -> list[Dialogue]:
    paragraphs = [
        [line.rstrip() for line in paragraph.splitlines() if line.strip()]
        for paragraph in path.read_text(encoding="utf-8").split("\n\n")
    ]
    return [
        Dialogue(lines[0].removeprefix("# "), path.stem, tuple(lines[1:]))
        for lines in paragraphs
        if lines and lines[0].startswith("# ")
    ]


def call_of(domain: str, options: str = "") -> CallInfo:
    values: dict[str, str] = {}
    items: list[OpenItem] = []
    for option in shlex.split(options):
        key, _, value = option.partition("=")
        if key == "item":
            kind, title, state = value.split(":")
            items.append(OpenItem(title, kind, title, state))
        else:
            values[key] = value
    return CallInfo(
        domain=domain,
        language="en-US",
        time_zone="America/New_York",
        now=FRIDAY,
        direction=values.get("direction", "inbound"),
        contact_name=values.get("contact", ""),
        open_items=tuple(items),
        flow=values.get("flow", ""),
    )


def understood(line: str) -> Understanding:
    meaning, _, text = line.partition("|")
    intent, *pairs = shlex.split(meaning)
    name, _, confidence = intent.partition("@")
    text = text.strip()
    return Understanding(
        text=text,
        intent="" if name in "-?" else name,
        confidence=float(confidence or 0.9),
        out_of_scope=name == "-",
        entities=tuple(_entity(pair, text) for pair in pairs),
    )


def _entity(pair: str, text: str) -> Entity:
    kind, _, rest = pair.partition("=")
    rest, _, raw = rest.partition("~")
    values, _, confidence = rest.partition("@") if kind != "email" else (rest, "", "")
    value, *others = values.split("/")
    start = max(text.find(raw), 0) if raw else 0
    return Entity(kind, value, raw, start, start + len(raw), float(confidence) if confidence else None, tuple(others))


@dataclass
class Player:
    """Holds one dialogue; every turn is computed twice and stored in between, as a real session does."""

    policy: FlowPolicy
    call: CallInfo
    state: State = field(init=False)
    reply: Reply = field(init=False)
    silences: int = 0

    def __post_init__(self) -> None:
        self.state, self.reply = self.policy.start(self.call)

    def say(self, line: str) -> Reply:
        self.silences = 0
        heard = understood(line)
        before = self.state.to_json()
        first = self.policy.respond(self.state, heard, self.call)
        assert self.state.to_json() == before, "the policy changed the state it was given"
        again = self.policy.respond(State.from_json(before), heard, self.call)
        assert first == again, "the same turn was answered in two ways"
        self.state, self.reply = first
        return self.reply

    def keep_silent(self) -> Reply:
        self.silences += 1
        self.state, self.reply = self.policy.on_silence(self.state, self.silences)
        return self.reply

    def transcript(self) -> list[str]:
        """The agent's turn as script lines."""
        lines = [f"< {self.reply.text}"]
        for outcome in self.reply.outcomes:
            pairs = "".join(f" {key}={shlex.quote(value)}" for key, value in outcome.fields.items())
            lines.append(f"! {outcome.event}{pairs}")
        if self.reply.end:
            lines.append(f"= {self.reply.disposition}")
        return lines


def play(policy: FlowPolicy, dialogue: Dialogue) -> list[str]:
    """The dialogue's lines as they come out when its caller's lines are said."""
    lines = list(dialogue.lines)
    options = lines.pop(0) if lines and lines[0].startswith("@") else ""
    player = Player(policy, call_of(dialogue.domain, options.removeprefix("@")))
    played = [*([options] if options else []), *player.transcript()]
    for line in lines:
        if line.startswith("> "):
            player.say(line.removeprefix("> "))
        elif line == "...":
            player.keep_silent()
        else:
            continue
        played += [line, *player.transcript()]
    return played
