"""What the model may call: the domain's actions, its flows, and the ways a call ends. And whether a call is one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.dialogue.actions import ActionSpec
from services.dialogue.llm.model import ModelError, Tool, ToolCall

_INTENTS = {
    "hand_over": ("human", "Gives the call to a person. Call it when the caller wants one, or you cannot help."),
    "end_call": ("goodbye", "Says goodbye and ends the call. Call it when the caller has said goodbye."),
    "do_not_call_again": ("opt_out", "Call it when the caller does not want to be called any more."),
}
"""Tools that the flow engine carries out, with the intent that makes it do so."""
_LONGEST_VALUE = 1000


@dataclass(frozen=True)
class FlowTool:
    """A flow that the model may begin: it then leads the conversation until it is done."""

    flow: str
    intent: str
    title: str


@dataclass(frozen=True)
class Toolbox:
    """What may be called in one domain and language."""

    actions: Mapping[str, ActionSpec] = field(default_factory=dict)
    flows: tuple[FlowTool, ...] = ()
    answers: frozenset[str] = frozenset()
    """Intents of callers who only want to know something."""
    urgent: frozenset[str] = frozenset()
    """Intents that no model answers: a flow that interrupts whatever there is does."""

    def tools(self) -> list[Tool]:
        """Return them as the model is told of them; a flow comes before an action of its name."""
        made = {name: Tool(name, text) for name, (_, text) in _INTENTS.items()}
        for spec in self.actions.values():
            made.setdefault(spec.name, Tool(spec.name, spec.description, spec.arguments, spec.optional))
        for flow in self.flows:
            made[f"begin_{flow.flow}"] = Tool(
                f"begin_{flow.flow}",
                f"Lets the caller {flow.title}: asks for what is needed, confirms it and does it. "
                "Say nothing with it; it speaks for itself.",
            )
        return list(made.values())

    def intent_of(self, call: ToolCall) -> str:
        """Return the intent that a call stands for; empty: it is an action."""
        if call.name in _INTENTS:
            return _INTENTS[call.name][0]
        return next((flow.intent for flow in self.flows if call.name == f"begin_{flow.flow}"), "")

    def action_of(self, call: ToolCall) -> tuple[ActionSpec, dict[str, str]]:
        """Return the action that a call stands for, and its arguments.

        Raises:
            ModelError: `unknown_tool`, `bad_arguments`.
        """
        spec = self.actions.get(call.name)
        if spec is None:
            raise ModelError("unknown_tool", f"there is no tool {call.name[:64]!r}")
        return spec, _arguments(call, spec)


def _arguments(call: ToolCall, spec: ActionSpec) -> dict[str, str]:
    try:
        given = json.loads(call.arguments or "{}")
    except ValueError as error:
        raise ModelError("bad_arguments", f"the arguments of {spec.name} are no JSON") from error
    if not isinstance(given, dict):
        raise ModelError("bad_arguments", f"the arguments of {spec.name} are no object")
    unknown = sorted(set(given) - set(spec.arguments))
    if unknown:
        raise ModelError("bad_arguments", f"{spec.name} has no arguments {', '.join(unknown)[:200]}")
    values = {name: _text(value, spec.name) for name, value in given.items() if value is not None}
    missing = [name for name in spec.arguments if name not in spec.optional and not values.get(name)]
    if missing:
        raise ModelError("bad_arguments", f"{spec.name} lacks {', '.join(missing)}")
    return values


def _text(value: object, action: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float) and len(text := str(value)) <= _LONGEST_VALUE:
        return text
    raise ModelError("bad_arguments", f"an argument of {action} is no text, or a long one")
