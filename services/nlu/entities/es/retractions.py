"""How Spanish speakers take back what they said."""

import re

from services.nlu.entities.es.calendar_words import MONTH, WEEKDAY
from services.nlu.entities.es.numerals import NUMBER
from services.nlu.entities.grammar import Retractions

_HALF = r"(?:(?:de|en|por) la (?:mañana|madrugada|tarde|noche)|a\.? ?m\b\.?|p\.? ?m\b\.?)"
_SAME_KIND = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b\d{{1,2}}º?(?= de {MONTH}|[.,!?]?$|[.,!?]| por favor\b)",
        rf"\b{MONTH}\b",
        rf"\b{WEEKDAY}\b(?! \d)",
        _HALF,
    )
)
"""Parts of an entity that new words of the same kind replace."""
_COUNT_AND_UNIT = re.compile(rf"(?P<count>[$€£]?{NUMBER})(?P<rest> .+)")
_BARE_COUNT = re.compile(rf"{NUMBER}(?=[.,!?]?$|[.,!?] | (?:por|gracias|es|para|en|y)\b)")


def completed(old: str, new: str) -> tuple[str, int] | None:
    """Return the old words with the new ones in the place of their like, and how many characters are new.

    "5 de junio" and "6" are "6 de junio"; "20 dólares" and "30" are "30 dólares".
    """
    for kind in _SAME_KIND:
        fresh, stale = kind.match(new), kind.search(old)
        if fresh and stale and stale.group() != old:
            return old[: stale.start()] + fresh.group() + old[stale.end() :], fresh.end()
    counted, count = _COUNT_AND_UNIT.fullmatch(old), _BARE_COUNT.match(new)
    if counted and count:
        return count.group() + counted["rest"], count.end()
    return None


_REPAIRS = (
    "perdón|perdon|perdone|perdóneme|disculpe|disculpa|digo|mejor dicho|mejor|quiero decir|quise decir|quería decir"
    "|espere|espera|corrijo|corrección|en realidad|me equivoqué|rectifico|ay|ah|bueno|sino|más bien|mas bien|qué digo"
)
# "El lunes no el martes" says what is not meant, "el lunes, no, el martes" what is.
_NO = rf"no(?=[,.!\u2026-]|\s+(?:{_REPAIRS}|no)\b)"
_LEADS = "que|el|la|a|al|las|los|es|son|era|sería|para|dije|de|en|por|con|mi|un|una|1|día|número"
_ECHOES = "sí|si|exacto|eso|así es|correcto|dije|el|la|a|las|para"

RETRACTIONS = Retractions(
    # "No el jueves" alone may be "no, el jueves": only "no es", or a "no" behind what is meant, says what is not.
    negation=re.compile(
        r"\b(?:no (?:es|era|fue|sería|son|eran|quiero|puedo(?: ir)?)"
        r"|menos|excepto|salvo|en vez de|en vez del|en lugar de|en lugar del|nunca"
        r"|(?<=[^\W_] )no|(?<=[^\W_], )no)(?: (?:el|la|los|las|a|al|para|por|en|de|del|mi|una|1))*[ ]$"
    ),
    rejection=re.compile(
        r",? no,? (?:el|la|los|las) (?:otr[oa]s?|siguientes?)\b"
        r"|,? (?:ya )?no (?:puedo|podría|podré|me (?:sirve|queda|conviene|va|viene bien)|se puede|estoy|trabajo)\b"
    ),
    repair=re.compile(rf"(?:\b(?:{_NO}|(?:{_REPAIRS})\b)[\s,.!;\u2013\u2014\u2026-]*)+"),
    lead=re.compile(rf"(?:(?:{_LEADS})(?! (?:la )?(?:mañana|madrugada|tarde|noche)\b)\s+)*"),
    limit=re.compile(
        r"\b(?:(?:no|nunca) (?:antes|después|despues|más tarde|mas tarde|más temprano|mas temprano|pasad[ao]s?) "
        r"(?:del?|que)?|a m[aá]s tardar|como m[uí]nimo)(?: (?:el|la|las|los))*[ ]?$"
    ),
    echo=re.compile(rf"^[\s,.!?-]*(?:(?:{_ECHOES})[\s,.!?-]+)*$"),
    moved_from=re.compile(r"\b(?:del|de|desde el|desde|de las?)[ ]$"),
    moved_to=re.compile(r"^ (?:al|a|a las?|para el|para|para las?|hasta el|por el) $"),
    completed=completed,
)
