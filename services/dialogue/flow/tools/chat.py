"""A conversation with a flow in the terminal: lines in, the agent's sentences out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.flow.tools.places import NothingThereError
from services.dialogue.flow.tools.play import Player
from services.dialogue.flow.tools.scripts import CALLER, KEYS, RESULT, SILENCE, call_of
from services.dialogue.policy import UnknownDomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.dialogue.flow.schema import Instruction, Script
    from services.dialogue.flow.tools.places import FlowFolder
    from services.dialogue.flow.tools.play import Understand
    from services.dialogue.policy import State

HELP: Final = """\
Say something, or:
  /slots           what is known           /step            where the flow stands
  /keys 12         press telephone keys    /silence         say nothing
  /result a=b      what an action came to (error=WORDS: it failed)
  /help            this                    /quit            hang up"""
_PROMPT: Final = "you   > "


def chat(folder: FlowFolder, understand: Understand, *, options: str = "", quiet: bool = False) -> dict[str, Any]:
    """Hold one conversation; lines come from stdin. Returns it as a JSON object.

    Args:
        folder: whose flow is followed.
        understand: asked what each line means.
        options: what is known of the call, as behind the "@" of a script.
        quiet: whether nothing is printed meanwhile.

    Raises:
        FlowFileError: The flow is wrong.
        NothingThereError: The options are.

    """
    script = folder.script()
    try:
        call = call_of(script.domain, options, language=script.language, time_zone=folder.time_zone)
        player = Player(FlowPolicy([script]), call, understand)
    except (ValueError, UnknownDomainError) as error:
        raise NothingThereError(f"{options!r} says nothing of a call: {error}") from error
    turns: list[dict[str, Any]] = []

    def show(text: str) -> None:
        if not quiet:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    show(HELP)
    _tell(player, show)
    for line in _lines(quiet=quiet):
        if line == "/quit":
            break
        if line in _ANSWERS:
            show(_ANSWERS[line](player.state, script))
            continue
        try:
            player.take(_as_script(line))
        except ValueError as error:
            show(f"      {error}")
            continue
        turns.append(_turn(line, player))
        _tell(player, show)
        if player.reply.end:
            break
    return {
        "domain": script.domain,
        "language": script.language,
        "turns": turns,
        "slots": {slot.name: slot.value for slot in player.state.slots},
        "ended": player.state.ended,
        "disposition": player.state.disposition or player.policy.abandon(player.state),
    }


def _lines(*, quiet: bool) -> Iterator[str]:
    """What is typed, line by line, until the end of input."""
    asks = sys.stdin.isatty() and not quiet
    while True:
        if asks:
            sys.stdout.write(_PROMPT)
            sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _as_script(line: str) -> str:
    """A typed line as a script has it."""
    command, _, rest = line.partition(" ")
    return {"/keys": f"{KEYS} {rest}", "/silence": SILENCE, "/result": f"{RESULT}{rest}"}.get(
        command, f"{CALLER}{line}"
    )


def _tell(player: Player, show: Any) -> None:
    marks = {"<": "agent <", "!": "      !", "?": "      ?", "=": "      ="}
    for line in player.transcript():
        show(f"{marks[line[0]]}{line[1:]}")


def _turn(line: str, player: Player) -> dict[str, Any]:
    made: dict[str, Any] = {"caller": line, "agent": list(player.reply.sentences)}
    if not line.startswith("/") and player.heard is not None:
        heard = player.heard
        made |= {
            "intent": heard.intent,
            "confidence": heard.confidence,
            "out_of_scope": heard.out_of_scope,
            "entities": [{"type": each.type, "value": each.value, "raw": each.raw} for each in heard.entities],
        }
    if player.reply.outcomes:
        made["outcomes"] = [{"event": each.event, "fields": each.fields} for each in player.reply.outcomes]
    if player.reply.action is not None:
        made["action"] = {"name": player.reply.action.name, "arguments": player.reply.action.arguments}
    return made


def _slots(state: State, _script: Script) -> str:
    known = [f"      {slot.name} = {slot.value}{' (confirmed)' if slot.confirmed else ''}" for slot in state.slots]
    return "\n".join(known) or "      nothing is known yet"


def _step(state: State, script: Script) -> str:
    if not state.frames:
        return "      between two tasks"
    lines = []
    for frame in state.frames:
        program = script.flows[frame.flow].program
        step = program[frame.step] if frame.step < len(program) else None
        lines.append(f"      {frame.flow}, step {frame.step + 1} of {len(program)}: {_name(step)}")
    if state.mode:
        lines.append(f"      waits for: {state.mode} {state.target}".rstrip())
    return "\n".join(lines)


def _name(step: Instruction | None) -> str:
    if step is None:
        return "the end"
    about = getattr(step, "slot", "") or getattr(step, "action", "") or getattr(step, "flow", "")
    return f"{type(step).__name__.lower()} {about}".rstrip()


def _help(_state: State, _script: Script) -> str:
    return HELP


_ANSWERS: Final = {"/slots": _slots, "/step": _step, "/help": _help}
