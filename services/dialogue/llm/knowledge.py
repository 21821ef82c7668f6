"""What the flow files tell the model: what the business is, and which tasks there are. Asked anew for each turn."""

from collections.abc import Callable

from services.dialogue.actions import Actions
from services.dialogue.flow.schema import Script
from services.dialogue.llm.prompt import About
from services.dialogue.llm.tools import FlowTool, Toolbox

FindScript = Callable[[str, str], Script | None]
"""Gives the script that new calls in a domain and language follow at this moment; None: there is none."""


def about(scripts: FindScript) -> Callable[[str, str], About | None]:
    """Return what tells what a domain is, in a language."""

    def find(domain: str, language: str) -> About | None:
        script = scripts(domain, language)
        return About(script.description, script.data, script.version) if script is not None else None

    return find


def toolboxes(scripts: FindScript, actions: Actions) -> Callable[[str, str], Toolbox]:
    """Return what finds the tools of a domain and language."""

    def find(domain: str, language: str) -> Toolbox:
        script = scripts(domain, language)
        flows = tuple(script.flows.values()) if script is not None else ()
        return Toolbox(
            actions=actions.of(domain),
            flows=tuple(
                FlowTool(flow.name, flow.intents[0], flow.title) for flow in flows if flow.intents and flow.title
            ),
            answers=frozenset(intent for flow in flows if flow.information for intent in flow.intents),
            urgent=frozenset(intent for flow in flows if flow.urgent for intent in flow.intents),
        )

    return find
