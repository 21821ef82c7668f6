"""A call in two sentences: made from its facts, or by whatever is plugged in.

A summariser is found by its name in the entry point group `voicemesh.dialogue.summarisers`: a factory without
arguments that returns a `Summariser`. One that fails, takes too long or says nothing is passed over for the facts.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from mesh import logs
from mesh.engines import load_engine
from services.dialogue.dispositions.model import CallOutcome
from services.dialogue.flow.spoken import spoken_forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.dialogue.model import Ended

GROUP: Final = "voicemesh.dialogue.summarisers"
FACTS: Final = "facts"
"""The name of having none: the facts speak."""
_LONGEST: Final = 2_000
_log = logs.get_logger(__name__)


class Summariser(Protocol):
    """Writes the summary of a call that is over."""

    async def summarise(self, end: Ended, language: str) -> str:
        """Return two sentences; `end.summary` is what the policy says happened, `end.outcome` holds the facts."""
        ...


@dataclass(frozen=True, slots=True)
class _Words:
    """How one language tells what comes next."""

    next_step: str
    caller: str
    agent: str
    by: str
    nothing: str
    upset: str


_WORDS: Final[Mapping[str, _Words]] = {
    "en": _Words(
        next_step="Next: {what}{due}.",
        caller='The caller said: "{what}"{due}.',
        agent="The agent promised: {what}{due}.",
        by=" ({day})",
        nothing="Nothing else was agreed.",
        upset="The caller sounded upset at the end.",
    ),
    "es": _Words(
        next_step="Siguiente paso: {what}{due}.",
        caller="Quien llamó dijo: «{what}»{due}.",
        agent="El agente prometió: {what}{due}.",
        by=" ({day})",
        nothing="No se acordó nada más.",
        upset="Al final, quien llamó sonaba molesto.",
    ),
}
_UPSET: Final = -0.4


def summary_of(end: Ended, language: str) -> str:
    """What happened and what comes next. A policy that says two sentences already is left alone."""
    happened = end.summary.strip()
    if len(_sentences(happened)) > 1:
        return happened
    words = _WORDS.get(language.partition("-")[0].lower(), _WORDS["en"])
    return " ".join(part for part in (happened, _what_is_next(end, words, language)) if part)


def _what_is_next(end: Ended, words: _Words, language: str) -> str:
    outcome = end.outcome or CallOutcome()
    step = outcome.next_step
    if step is not None:
        said = step.by == "caller" and any(one.words == step.what for one in outcome.commitments)
        return _filled(words.caller if said else words.next_step, step.what, step.due, words, language)
    if outcome.commitments:
        last = outcome.commitments[-1]
        return _filled(words.caller if last.by == "caller" else words.agent, last.words, last.due, words, language)
    upset = outcome.sentiments and outcome.sentiments[-1].score <= _UPSET
    return words.upset if upset else words.nothing


def _filled(form: str, what: str, due: str, words: _Words, language: str) -> str:
    return form.format(what=what.strip().rstrip(".!"), due=words.by.format(day=_day(due, language)) if due else "")


def _day(due: str, language: str) -> str:
    """A day as it is read, with its time."""
    forms = spoken_forms(language) or spoken_forms("en")
    day, _, time = due.partition("T")
    if forms is None:
        return due
    return f"{forms.of_type('date', day)}, {forms.of_type('time', time)}" if time else forms.of_type("date", day)


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+(?=[\W\d]*[A-ZÁÉÍÓÚÑ¿¡])", text) if part.strip()]


def summariser(name: str) -> Summariser | None:
    """The summariser of that name; None for "facts": then no model takes part.

    Raises:
        ConfigError: There is none, or its packages are not installed.
    """
    if name == FACTS:
        return None
    made: Summariser = load_engine(GROUP, name)()
    return made


async def summarised(chosen: Summariser, end: Ended, language: str, limit_s: float) -> str:
    """The summary by a summariser; empty when it fails or takes too long: it must not cost the call its outcome."""
    try:
        async with asyncio.timeout(limit_s):
            words = (await chosen.summarise(end, language)).strip()
    except Exception as error:  # noqa: BLE001 - see above; summarisers are swappable
        _log.warning("summary.by_facts", error=repr(error))
        return ""
    return words[:_LONGEST]
