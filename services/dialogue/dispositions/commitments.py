"""What callers commit themselves to: "I'll call back tomorrow", "te lo mando el viernes". Rules, a language each.

A commitment is a first person who will do something for the business: the verbs are listed, for "I'll have a
cleaning" and "I'll take Tuesday" answer questions and promise nothing. A "not" or "if" before it, and a question, take
it back. It reaches to the end of its clause, and its day is the first one named there, else the first one named ahead
of it in the same sentence ("tomorrow I'll send it").
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.dialogue.policy import Commitment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.dialogue.policy import Entity

    Redact = Callable[[str, Sequence[Entity]], str]

_SENTENCE: Final = re.compile(r"[^.?!]+(?:\.(?=\w)[^.?!]*)*[.?!]*")
_DATES: Final = frozenset({"date", "date_time", "datetime"})
_TIMES: Final = frozenset({"time"})


@dataclass(frozen=True, slots=True)
class _Rules:
    """One language's: what a commitment begins with, what before it takes it back, what after it ends it."""

    begins: re.Pattern[str]
    taken_back: re.Pattern[str]
    ends: re.Pattern[str]


_EN_VERBS = (
    "call|phone|ring|text|email|e-mail|mail|write|send|forward|bring|pay|transfer|come|be there|stop by|drop by|drop|"
    "pick|collect|return|ship|post|give you|get back|let you know|check|confirm|fill|sign|provide|upload|try|find|look|"
    "ask|talk|tell|speak|wait|think about|get in touch|reach out"
)
_ES_VERBS = (
    "llamar|telefonear|escribir|enviar|mandar|traer|llevar|pagar|ir|pasar|volver|venir|devolver|recoger|avisar|"
    "confirmar|consultar|preguntar|revisar|mirar|firmar|rellenar|llenar|buscar|esperar|hablar|decir|dar"
)
_ES_FUTURE = (
    "llamaré|telefonearé|escribiré|enviaré|mandaré|traeré|llevaré|pagaré|iré|pasaré|volveré|vendré|devolveré|recogeré|"
    "avisaré|confirmaré|consultaré|preguntaré|revisaré|miraré|firmaré|rellenaré|buscaré|esperaré|hablaré|diré|daré"
)
_ES_PRESENT = "llamo|escribo|envío|envio|mando|traigo|llevo|pago|paso|devuelvo|recojo|aviso|confirmo|digo|doy"
_ES_CLITICS = r"(?:se l[oa]s? |te l[oa]s? |os l[oa]s? |les? |l[oa]s? |te |os )"

_RULES: Final[Mapping[str, _Rules]] = {
    "en": _Rules(
        re.compile(
            r"\b(?:i|we)(?:'ll| will| shall|'m going to| am going to|'re going to| are going to|'m gonna|'re gonna)"
            rf" (?:(?:just|also|then|definitely|certainly|probably) )*(?:{_EN_VERBS})\b",
            re.IGNORECASE,
        ),
        re.compile(r"\b(?:if|unless|whether|when|not|never|don't think|not sure)\b[^,;]*$", re.IGNORECASE),
        re.compile(
            r"[,;]? (?:and (?:then )?(?:i|we|you|can|could|what|is)|but|because|so that|so)\b|[;.?!]", re.IGNORECASE
        ),
    ),
    "es": _Rules(
        re.compile(
            rf"\b(?:{_ES_CLITICS})?(?:(?:voy|vamos) a (?:{_ES_VERBS})\w*|(?:{_ES_FUTURE})|vuelvo a (?:{_ES_VERBS}))\b"
            rf"|\b{_ES_CLITICS}(?:{_ES_PRESENT})\b",
            re.IGNORECASE,
        ),
        re.compile(r"(?:\bno(?: \w+)?|\bsi\b[^,;]*|\bnunca|\bcuando\b[^,;]*)\s*$", re.IGNORECASE),
        re.compile(
            r"[,;]? (?:y (?:luego |después )?(?:me|puede|quiero|necesito|qué)|pero|porque|así que)\b|[;.?!]",
            re.IGNORECASE,
        ),
    ),
}


def caller_commitments(
    text: str,
    entities: Sequence[Entity],
    language: str,
    *,
    redact: Redact,
    turn_id: str = "",
    at: float | None = None,
) -> tuple[Commitment, ...]:
    """The commitments in a caller's turn, in order; none in a language without rules.

    Args:
        text: the turn's words; `entities` are those found in it.
        entities: the entities of the turn; dates and times among them make the day a commitment is due.
        language: BCP 47 tag.
        redact: masks the personal entities in words.
        turn_id: of the turn.
        at: its beginning, in seconds on the audio clock.
    """
    rules = _RULES.get(language.partition("-")[0].lower())
    if rules is None:
        return ()
    # An apostrophe is one character in either spelling: places stay those of the text.
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    found = []
    for sentence in _SENTENCE.finditer(plain):
        for start, end in _clauses(sentence.group(), rules):
            first, last = sentence.start() + start, sentence.start() + end
            due = _due(entities, first, last) or _due(entities, sentence.start(), first)
            words = redact(text[first:last], _inside(entities, first, last)).strip()
            found.append(Commitment("caller", words, due, turn_id, at))
    return tuple(found)


def _inside(entities: Sequence[Entity], first: int, last: int) -> list[Entity]:
    """The entities of a clause, with their places in it."""
    return [
        dataclasses.replace(
            entity, start_char=max(entity.start_char, first) - first, end_char=min(entity.end_char, last) - first
        )
        for entity in entities
        if entity.start_char < last and first < entity.end_char
    ]


def _clauses(sentence: str, rules: _Rules) -> list[tuple[int, int]]:
    """Where commitments begin and end in a sentence; none in a question."""
    if "?" in sentence or "¿" in sentence:
        return []
    clauses: list[tuple[int, int]] = []
    for begins in rules.begins.finditer(sentence):
        if clauses and begins.start() < clauses[-1][1]:
            continue
        if rules.taken_back.search(sentence[: begins.start()]):
            continue
        ends = rules.ends.search(sentence, begins.end())
        clauses.append((begins.start(), ends.start() if ends is not None else len(sentence)))
    return clauses


def _due(entities: Sequence[Entity], first: int, last: int) -> str:
    """The day, with its time, that is named between two places; a time alone is none."""
    named = [entity for entity in entities if first <= entity.start_char and entity.end_char <= last]
    day = next((entity.value for entity in named if entity.type in _DATES and "/" not in entity.value), "")
    time = next((entity.value for entity in named if entity.type in _TIMES and "/" not in entity.value), "")
    return f"{day}T{time}" if day and time and "T" not in day else day
