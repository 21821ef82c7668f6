"""A record in a line: templates over its fields."""

import string
from collections.abc import Iterable, Mapping

_LIMIT = 500


def names_of(template: str) -> list[str]:
    """Return the fields a template needs. Raises ``ValueError`` for a brace without its other half."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name]


def title_of(templates: Iterable[str], fields: Mapping[str, str]) -> str:
    """Return the first template's text whose fields are all there, at most 500 characters; else the last template."""
    last = ""
    for template in templates:
        last = template
        if all(fields.get(name) for name in names_of(template)):
            last = template.format_map(fields).replace("_", " ")
            break
    return last[:_LIMIT]
