"""What the flow files tell the model: what the business is, and which tasks there are."""

from collections.abc import Callable, Iterable
from functools import cache

from services.dialogue.actions import Actions
from services.dialogue.flow.schema import Script
from services.dialogue.llm.prompt import About
from services.dialogue.llm.tools import FlowTool, Toolbox


def about(scripts: Iterable[Script]) -> dict[tuple[str, str], About]:
    """Return what each domain is, by (domain, primary language)."""
    return {_key(script.domain, script.language): About(script.description, dict(script.data)) for script in scripts}


def toolboxes(scripts: Iterable[Script], actions: Actions) -> Callable[[str, str], Toolbox]:
    """Return what finds the tools of a domain and language."""
    by_key = {_key(script.domain, script.language): script for script in scripts}

    @cache
    def find(domain: str, language: str) -> Toolbox:
        script = by_key.get((domain, language))
        flows = tuple(script.flows.values()) if script is not None else ()
        return Toolbox(
            actions=actions.of(domain),
            flows=tuple(
                FlowTool(flow.name, flow.intents[0], flow.title) for flow in flows if flow.intents and flow.title
            ),
            answers=frozenset(intent for flow in flows if flow.information for intent in flow.intents),
            urgent=frozenset(intent for flow in flows if flow.urgent for intent in flow.intents),
        )

    return lambda domain, language: find(*_key(domain, language))


def _key(domain: str, language: str) -> tuple[str, str]:
    return domain, language.partition("-")[0].lower()
