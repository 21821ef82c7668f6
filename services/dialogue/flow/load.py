"""A flow file to a `Script`: every mistake named by file, line and remedy."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from services.dialogue.flow import spoken
from services.dialogue.flow.check import check_meaning, tried_out
from services.dialogue.flow.domain import check_intents, check_slots, check_top, surroundings
from services.dialogue.flow.mistakes import Mistakes, lacking, nearest
from services.dialogue.flow.program import compile_steps, used_slots
from services.dialogue.flow.promises import read_commits, read_next_step
from services.dialogue.flow.reader import read
from services.dialogue.flow.schema import (
    OPTIONAL_PHRASES,
    PHRASES,
    Flow,
    Script,
    Settings,
)
from services.dialogue.flow.slots import check_slot_names, read_slot, well_declared
from services.dialogue.flow.steps import Names, read_steps, read_turn_taking
from services.dialogue.flow.templates import Templates
from services.dialogue.flow.variables import read_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from services.dialogue.flow.domain import Surroundings
    from services.dialogue.flow.reader import Item
    from services.dialogue.flow.spoken.forms import SpokenForms
    from services.dialogue.flow.templates import Text

_SLOT_LISTS = ("collects", "suggested_by")
_MOST_URGENT = 9
UNIVERSAL_INTENTS = (
    "greet", "affirm", "deny", "unsure", "correct", "help", "repeat", "human", "goodbye", "thank", "opt_out", "inform",
)  # fmt: skip
"""Intents the engine answers itself, in every domain."""


def load(path: Path) -> Script:
    """Read a flow file.

    Raises:
        FlowFileError: It, or the domain around it, is wrong; it holds every mistake.
        OSError: It cannot be read.

    """
    mistakes = Mistakes()
    return _load(path.read_text(encoding="utf-8"), str(path), surroundings(path, mistakes), mistakes)


def load_text(text: str, file: str, around: Surroundings | None = None) -> Script:
    """Read a flow file's text; `file` is what errors call it, `around` what it may refer to outside itself.

    Raises:
        FlowFileError: It is wrong; it holds every mistake.

    """
    return _load(text, file, around, Mistakes())


def _load(text: str, file: str, around: Surroundings | None, mistakes: Mistakes) -> Script:
    top = read(text, file, mistakes).mapping(
        ("domain", "language", "version", "description", "phrases", "slots", "flows"),
        ("data", "settings", "summaries", "variables"),
    )
    slot_items, flow_items = top["slots"].keys(), top["flows"].keys()
    check_slot_names(slot_items)
    if around is not None:
        check_top(top, around)
        check_slots(slot_items, around)
        check_intents(flow_items, around)
    variables = read_variables(top["variables"], slot_items) if "variables" in top else {}
    forms = _forms(top["language"])
    templates = Templates(forms, frozenset((*slot_items, *variables)))
    slots = {name: read_slot(name, item, templates) for name, item in slot_items.items()}
    names = Names(slots, variables)
    flows = {name: _flow(name, item, templates, names) for name, item in flow_items.items()}
    data: Any = top["data"].plain() if "data" in top and top["data"].keys() else {}
    summaries = top["summaries"].keys() if "summaries" in top else {}
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    script = Script(
        domain=top["domain"].text(),
        language=top["language"].text(),
        version=f"{top['version'].text()}+{digest}",
        description=top["description"].text(),
        data=data,
        settings=_settings(top["settings"]) if "settings" in top else Settings(),
        phrases=_phrases(top["phrases"], templates),
        summaries={name: templates.text(item) for name, item in summaries.items()},
        slots=slots,
        variables=variables,
        flows=flows,
        by_intent=_by_intent(flow_items, flows),
        spoken=forms,
    )
    # What stands on a mistake is not tried out: it would only tell of the same one again.
    whole = {name: flow for name, flow in flows.items() if flow_items[name].sound}
    doubtful = _doubtful(top, slot_items)
    check_meaning(script, around.actions if around is not None else None, mistakes)
    tried = tried_out(script, whole, doubtful, mistakes)
    mistakes.settle()
    return tried


def _doubtful(top: Mapping[str, Item], slots: Mapping[str, Item]) -> frozenset[str]:
    """Names of which it is not known what they hold, because their declaration is wrong."""
    variables = top["variables"].keys() if "variables" in top else {}
    found = {name for name, item in slots.items() if not well_declared(item)}
    found |= {name for name, item in variables.items() if not item.sound}
    return frozenset(found | {name for name in ("data",) if name in top and not top[name].sound})


def _forms(item: Item) -> SpokenForms:
    """The spoken forms of a language; those of English stand in where there are none, which is noted."""
    language = item.text()
    forms = spoken.spoken_forms(language)
    if forms is not None:
        return forms
    if language:
        known = ", ".join(spoken.languages())
        item.note(
            f"there are no spoken forms for language {language!r} (there are: {known})",
            "Add a class for it to services/dialogue/flow/spoken/.",
        )
    return spoken.English()


def _flow(name: str, item: Item, templates: Templates, names: Names) -> Flow:
    keys = item.mapping(
        ("steps",),
        (
            "title",
            "intents",
            "kind",
            "urgent",
            "collects",
            "suggested_by",
            "disposition",
            "summary",
            "commits",
            "next_step",
            "after_correction",
        ),
    )
    kind = keys["kind"].one_of("kind", ("task", "information")) if "kind" in keys else "task"
    if "urgent" in keys and "intents" not in keys:
        keys["urgent"].note("an urgent flow without 'intents' is never started", "Add 'intents: [NAME]'.")
    steps = read_steps(keys["steps"], templates, names)
    collects, suggested_by = (_slot_names(keys[key], names) if key in keys else () for key in _SLOT_LISTS)
    return Flow(
        name=name,
        place=item.place,
        steps=steps,
        program=compile_steps(steps),
        slots=tuple(dict.fromkeys((*used_slots(steps), *collects))),
        title=keys["title"].text() if "title" in keys else name.replace("_", " "),
        intents=keys["intents"].texts() if "intents" in keys else (),
        information=kind == "information",
        urgent=int(keys["urgent"].number(1, _MOST_URGENT)) if "urgent" in keys else 0,
        disposition=keys["disposition"].text() if "disposition" in keys else "",
        summary=templates.text(keys["summary"]) if "summary" in keys else None,
        commits=read_commits(keys["commits"], templates) if "commits" in keys else (),
        next_step=read_next_step(keys["next_step"], templates) if "next_step" in keys else None,
        suggested_by=suggested_by,
        after_correction=keys["after_correction"].text() if "after_correction" in keys else "",
    )


def _slot_names(item: Item, names: Names) -> tuple[str, ...]:
    return tuple(name for entry in item.each() if (name := entry.one_of("slot", names.slots)))


def _phrases(item: Item, templates: Templates) -> dict[str, Text]:
    found = item.keys()
    for name, phrase in found.items():
        if name not in PHRASES and name not in OPTIONAL_PHRASES:
            phrase.note(f"unknown phrase {name!r}", nearest(name, [*PHRASES, *OPTIONAL_PHRASES]))
    for name in lacking(found, PHRASES, (*PHRASES, *OPTIONAL_PHRASES)) if item.is_mapping else ():
        item.note(f"phrase {name!r} is missing", f"Add '{name}: ...'; it {PHRASES[name]}.")
    return {name: templates.text(phrase) for name, phrase in found.items()}


def _settings(item: Item) -> Settings:
    shares = ("min_confidence", "min_entity_confidence", "sure_confidence")
    counts = ("max_attempts", "max_stalls", "max_turns")
    keys = item.mapping((), (*shares, *counts, "opt_out_channel", "negations", "turn_taking"))
    values: dict[str, Any] = {name: keys[name].number(0, 1) for name in shares if name in keys}
    values |= {name: int(keys[name].number(1, 1000)) for name in counts if name in keys}
    if "opt_out_channel" in keys:
        channel = keys["opt_out_channel"].text()
        values["opt_out_channel"] = "" if channel == "all" else channel
    if "negations" in keys:
        values["negations"] = keys["negations"].texts()
    if "turn_taking" in keys:
        values["turn_taking"] = read_turn_taking(keys["turn_taking"])
    return Settings(**values)


def _by_intent(items: Mapping[str, Item], flows: Mapping[str, Flow]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, flow in flows.items():
        for intent in flow.intents:
            if intent in UNIVERSAL_INTENTS:
                items[name].keys()["intents"].note(
                    f"intent {intent!r} is answered in every domain and starts no flow", "Take it out of 'intents'."
                )
            elif intent in found:
                items[name].keys()["intents"].note(
                    f"intent {intent!r} starts flow {found[intent]!r} already", "Name it in one flow only."
                )
            else:
                found[intent] = name
    return found
