"""An evaluation drawn as one HTML file that needs nothing else: no script, no other host."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

_TEMPLATE = "report.html.j2"


def html(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of evaluations, as `evaluate.document` makes them."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = _percent
    source = resources.files("services.nlu.training").joinpath(_TEMPLATE).read_text("utf-8")
    return environment.from_string(source).render(evaluations=evaluations)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
