"""Texts, conditions and expressions of flows: sandboxed Jinja2 with strict names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2.environment import TemplateExpression

    from services.dialogue.flow.mistakes import Place
    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.spoken.forms import SpokenForms

BUILT_IN: Final = frozenset(
    {
        "today",
        "now",
        "time_zone",
        "contact",
        "caller",
        "open_items",
        "data",
        "value",
        "changed",
        "choices",
        "task",
        "text",
    }
)
"""Names every template may use, beside slots and variables."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b[A-Z][a-z]\.)\s+")
"""Between two sentences; "Dr. Miller" and "J. Miller" are kept together."""
_OPENING: Final = re.compile(r"[¿¡]*.")


class FlowRunError(RuntimeError):
    """A template or condition failed while a conversation ran: the flow file's fault, with its place."""


class SpokenValue(str):
    """A slot's value in a template: the value itself, and how it was said and is to be said."""

    __slots__ = ("raw", "spoken")

    def __new__(cls, value: str, spoken: str = "", raw: str = "") -> Self:
        """A value; without a spoken form or words of its own it stands for both."""
        made = super().__new__(cls, value)
        made.spoken = spoken or value
        made.raw = raw or value
        return made

    spoken: str
    raw: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text in one or several wordings."""

    key: str
    place: Place
    sources: tuple[str, ...]
    templates: tuple[jinja2.Template, ...]
    names: frozenset[str] = frozenset()
    """Slots, variables and built-in names that it uses."""

    def render(self, variant: int, context: Mapping[str, Any]) -> str:
        """Words of the given wording, white space tidied.

        Raises:
            FlowRunError: The template fails with this context.

        """
        try:
            words = self.templates[variant % len(self.templates)].render(context)
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise FlowRunError(f"{self.place.file}:{self.place.line}: {self.key}: {error}") from error
        return " ".join(words.split())


@dataclass(frozen=True, slots=True)
class Condition:
    """A yes-no question about slots and data."""

    key: str
    place: Place
    source: str
    template: jinja2.Template
    guards: frozenset[str]
    """Slots that are filled wherever this holds, because it asks "is defined"."""
    names: frozenset[str]
    """Slots, variables and built-in names that it uses."""

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Whether it is true in this context.

        Raises:
            FlowRunError: It cannot be answered with this context.

        """
        try:
            return self.template.render(context) == "yes"
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise FlowRunError(f"{self.place.file}:{self.place.line}: {self.key}: {error}") from error


@dataclass(frozen=True, slots=True)
class Expression:
    """A value computed of slots, variables and data."""

    key: str
    place: Place
    source: str
    compiled: TemplateExpression
    names: frozenset[str]
    """Slots, variables and built-in names that it uses."""

    def value(self, context: Mapping[str, Any]) -> object:
        """Its value in this context.

        Raises:
            FlowRunError: It cannot be computed with this context.

        """
        try:
            found = self.compiled(context)
            if isinstance(found, jinja2.Undefined):
                str(found)  # a strict one says which name is missing
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise FlowRunError(f"{self.place.file}:{self.place.line}: {self.key}: {error}") from error
        return found


class Templates:
    """Makes texts, conditions and expressions of one flow file; names that are no slot and not built in are errors."""

    def __init__(self, spoken: SpokenForms, names: frozenset[str]) -> None:
        # Speech is no HTML: escaping would make the synthesiser read "&#39;" aloud.
        self._environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
        self._environment.filters.update(spoken.filters())
        self._environment.filters["find"] = find_item
        self._names = BUILT_IN | names

    def text(self, item: Item) -> Text:
        """A text from the file; a wording that is no template or uses an unknown name is noted and left out."""
        made = [(source, self._template(item, source)) for source in item.texts()]
        good = [(source, template) for source, template in made if template is not None]
        names = frozenset(name for source, _ in good for name in self._used(source))
        sources, templates = tuple(source for source, _ in good), tuple(template for _, template in good)
        return Text(item.path, item.place, sources, templates, names)

    def condition(self, item: Item) -> Condition:
        """A condition from the file; that it is no expression or uses an unknown name is noted, and it never holds."""
        source = item.text()
        template = self._template(item, "{% if (" + source + ") %}yes{% endif %}") if source else None
        if template is None:
            return Condition(item.path, item.place, source, self._environment.from_string(""), frozenset(), frozenset())
        names = frozenset(self._used("{{ (" + source + ") }}"))
        return Condition(item.path, item.place, source, template, self._guards(source), names)

    def expression(self, item: Item) -> Expression:
        """An expression from the file; that it is none or uses an unknown name is noted, and it gives nothing."""
        source = item.text()
        good = bool(source) and self._template(item, "{{ (" + source + ") }}") is not None
        compiled = self._environment.compile_expression(source if good else "none", undefined_to_none=False)
        names = frozenset(self._used("{{ (" + source + ") }}")) if good else frozenset()
        return Expression(item.path, item.place, source, compiled, names)

    def _template(self, item: Item, source: str) -> jinja2.Template | None:
        try:
            names = self._used(source)
            template = self._environment.from_string(source)
        except jinja2.TemplateError as error:
            item.note(f"{item.path} is no valid template: {error.message}", "Check its brackets, names and filters.")
            return None
        unknown = sorted(names - self._names)
        for name in unknown:
            item.note(
                f"{item.path} uses {name!r}, which is neither a slot, a variable nor built in",
                f"Declare it under 'slots' or 'variables', or use one of: {', '.join(sorted(self._names))}.",
            )
        return None if unknown else template

    def _used(self, source: str) -> set[str]:
        return meta.find_undeclared_variables(self._environment.parse(source))

    def _guards(self, source: str) -> frozenset[str]:
        """Slots tested with "is defined" in a plain conjunction; "or" and "not" prove nothing."""
        tree = self._environment.parse("{{ (" + source + ") }}")
        if next(tree.find_all((jinja2.nodes.Or, jinja2.nodes.Not)), None) is not None:
            return frozenset()
        return frozenset(
            test.node.name
            for test in tree.find_all(jinja2.nodes.Test)
            if test.name == "defined" and isinstance(test.node, jinja2.nodes.Name)
        )


def find_item(items: tuple[dict[str, str], ...], kind: str, text: str = "") -> dict[str, str] | None:
    """The first open item of a kind whose id or title holds the text; None: there is none."""
    wanted = text.casefold()
    for item in items:
        if item["kind"] == kind and wanted in f"{item['record_id']} {item['title']}".casefold():
            return item
    return None


def sentences(words: str) -> tuple[str, ...]:
    """Words in sentences, each beginning with a capital letter: "¿Qué día?"."""
    parts = [part for part in _SENTENCE_END.split(words) if part]
    return tuple(_OPENING.sub(lambda match: match[0].upper(), part, count=1) for part in parts)
