"""The flow engine: a `Policy` that follows the flow files of its domains."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.actions import take_result
from services.dialogue.flow.expect import expectation
from services.dialogue.flow.hear import hear
from services.dialogue.flow.keys import read_keys
from services.dialogue.flow.run import await_answer, run, start
from services.dialogue.flow.schema import Call
from services.dialogue.flow.turn import Turn, achieved
from services.dialogue.policy import DomainInfo, Frame, State, UnknownDomainError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.dialogue.flow.schema import Script
    from services.dialogue.policy import ActionResult, CallInfo, Reply, Slot, Understanding

_SILENT_PROMPTS: Final = 2


class FlowPolicy:
    """Follows YAML flows; see `docs/flows.md`. One policy serves any number of domains and calls.

    A domain's flows can be replaced while calls run: a call goes on with the version it began with until that is
    forgotten. Each method reads what there is once; a replacement between two turns is all that calls may notice.
    """

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._scripts = {_key(script): script for script in scripts}
        self._older: dict[tuple[str, str, str], Script] = {}

    def replace(self, script: Script) -> None:
        """Let new calls follow this script; those that run keep the version they began with."""
        before = self._scripts.get(_key(script))
        if before is not None and before.version != script.version:
            self._older[*_key(before), before.version] = before
        self._older.pop((*_key(script), script.version), None)
        self._scripts[_key(script)] = script

    def forget(self, domain: str, language: str, version: str) -> None:
        """Drop a version that was replaced; a call that still has it goes on with the present one."""
        self._older.pop((domain, _primary(language), version), None)

    def present(self, domain: str, language: str) -> str | None:
        """The version that new calls follow; None: there is no such domain or language."""
        script = self.script(domain, language)
        return script.version if script is not None else None

    def script(self, domain: str, language: str) -> Script | None:
        """The script that new calls follow; None: there is no such domain or language."""
        return self._scripts.get((domain, _primary(language)))

    def domains(self) -> tuple[DomainInfo, ...]:
        """The domains there are flow files for, by name."""
        names = sorted({domain for domain, _ in self._scripts})
        return tuple(self._describe(name) for name in names)

    def _describe(self, name: str) -> DomainInfo:
        own = {language: script for (domain, language), script in sorted(self._scripts.items()) if domain == name}
        first = next(iter(own.values()))
        return DomainInfo(name, first.description, tuple(own), tuple(first.flows))

    def start(self, call: CallInfo) -> tuple[State, Reply]:
        """Greet the caller and, where the call names a flow, begin with it.

        Raises:
            UnknownDomainError: There is no such domain, language or flow.

        """
        script = self._script(call.domain, call.language)
        if call.flow and call.flow not in script.flows:
            raise UnknownDomainError(
                f"domain {call.domain!r} has no flow {call.flow!r}; it has: {', '.join(script.flows)}"
            )
        turn = Turn(script, State(call.domain, call.language, script.version), call)
        outbound = call.direction == "outbound" and "greeting_outbound" in script.phrases
        greeting = script.phrases["greeting_outbound" if outbound else "greeting"]
        turn.say(greeting)
        if call.flow:
            start(turn, call.flow, intent=next(iter(script.flows[call.flow].intents), ""))
        run(turn)
        return turn.result()

    def respond(self, state: State, understanding: Understanding, call: CallInfo) -> tuple[State, Reply]:
        """Answer a caller's turn, in the language the call has now.

        Raises:
            UnknownDomainError: The state's domain or language is not there (any more).
            FlowRunError: A template of the flow file fails.

        """
        state = self._in_language_of(state, call)
        script = self._script_of(state)
        turn = Turn(script, _restored(state, script), call, understanding)
        turn.set(turns=state.turns + 1)
        if state.ended:
            turn.finish(state.disposition)
        elif turn.state.turns > script.settings.max_turns:
            _give_up(turn, "too_long")
        else:
            hear(turn)
            _count(turn)
        return turn.result()

    def on_action(self, state: State, result: ActionResult, call: CallInfo) -> tuple[State, Reply]:
        """Go on with what an action came to; a state that waits for none just goes on.

        Raises:
            UnknownDomainError: The state's domain or language is not there (any more).
            FlowRunError: A template of the flow file fails.

        """
        script = self._script_of(state)
        turn = Turn(script, _restored(state, script), call)
        if state.ended:
            turn.finish(state.disposition)
        elif isinstance(turn.instruction, Call):
            take_result(turn, turn.instruction, result)
        run(turn)
        return turn.result()

    def on_silence(self, state: State, count: int) -> tuple[State, Reply]:
        """Prompt twice with the open question, then say goodbye. `count` is counted from 1."""
        script = self._script_of(state)
        turn = Turn(script, _restored(state, script), None)
        if state.ended:
            turn.finish(state.disposition)
        elif count <= _SILENT_PROMPTS:
            turn.phrase("still_there")
            turn.question(state.question)
            await_answer(turn)
        else:
            turn.phrase("no_answer")
            turn.finish()
        silent, reply = turn.result()
        # "Could you repeat that?" means what was said before the silence.
        return dataclasses.replace(silent, last=state.last, question=state.question), reply

    def read_keys(self, state: State, keys: str, call: CallInfo) -> Understanding:
        """What telephone keys mean as the answer to the open question; see `flow/keys.py`."""
        script = self._script_of(state)
        turn = Turn(script, _restored(state, script), call)
        anything_else = turn.frame is None and bool(turn.state.served)
        return read_keys(turn, keys, yes_no=anything_else or expectation(turn).yes_no)

    def abandon(self, state: State) -> str:
        """What was achieved before the caller vanished, else "caller_hung_up"."""
        return state.disposition or achieved(state) or "caller_hung_up"

    def summarise(self, state: State, disposition: str) -> str:
        """What the finished flows say they did; without any, the domain's words for the disposition."""
        script = self._script_of(state)
        closing = script.summaries.get(disposition)
        said = list(state.summary)
        if closing is not None and (not said or disposition not in state.dispositions):
            said.append(" ".join(Turn(script, state, None).words(closing)))
        return " ".join(said[-2:]) or f"{disposition.replace('_', ' ').capitalize()}."

    def _script_of(self, state: State) -> Script:
        """The version the state was made with, else the present one."""
        older = self._older.get((state.domain, _primary(state.language), state.version))
        return older or self._script(state.domain, state.language)

    def _in_language_of(self, state: State, call: CallInfo) -> State:
        """The state in the call's language: what was said in another is not said again, what was told is kept."""
        language = _primary(call.language)
        if language == _primary(state.language) or (state.domain, language) not in self._scripts:
            return state
        return dataclasses.replace(state, language=call.language, last=(), question=())

    def _script(self, domain: str, language: str) -> Script:
        script = self._scripts.get((domain, _primary(language)))
        if script is None:
            known = ", ".join(f"{name} ({tag})" for name, tag in sorted(self._scripts)) or "none"
            raise UnknownDomainError(f"no flows for domain {domain!r} in {language!r}; there are: {known}")
        return script


def _key(script: Script) -> tuple[str, str]:
    return script.domain, _primary(script.language)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()


def _count(turn: Turn) -> None:
    """Count turns that were not understood and those that led nowhere; too many go to a person."""
    attempts = 0 if turn.understood else turn.state.attempts + 1
    stalls = 0 if turn.progressed else turn.state.stalls + 1
    turn.set(attempts=attempts, stalls=stalls)
    if stalls >= turn.script.settings.max_stalls and not turn.end:
        _give_up(turn, "no_progress")


def _give_up(turn: Turn, reason: str) -> None:
    turn.unsay()
    turn.phrase("no_luck")
    turn.give_to_person(reason)


def _restored(state: State, script: Script) -> State:
    """The state, fit for the script.

    One of another version keeps its values; the task at the bottom of its stack begins again, which skips
    what is known, unless it had caused an outcome: nothing is done twice.
    """
    if state.version == script.version:
        return state
    bottom = next(iter(state.frames), None)
    again = bottom is not None and bottom.flow in script.flows and not any(frame.acted for frame in state.frames)
    frames = (Frame(bottom.flow, intent=bottom.intent),) if bottom is not None and again else ()
    slots = tuple(slot for slot in state.slots if _fits(slot, script))
    return dataclasses.replace(
        state,
        version=script.version,
        frames=frames,
        slots=slots,
        mode="",
        target="",
        choices=(),
        last_flow=state.last_flow if state.last_flow in script.flows else "",
    )


def _fits(slot: Slot, script: Script) -> bool:
    variable = script.variables.get(slot.name)
    if variable is not None:
        return variable.type == slot.type
    spec = script.slots.get(slot.name)
    return spec is not None and spec.type == slot.type and (not spec.values or slot.value in spec.values)
