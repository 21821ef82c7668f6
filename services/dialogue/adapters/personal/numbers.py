"""Which rows of digits are somebody's own: payment cards, numbers of a state, telephone numbers."""

import re
from collections.abc import Iterator

from stdnum import iban, luhn
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.us import ssn

from services.dialogue.adapters.personal.digits import Row, rows
from services.dialogue.adapters.personal.words import BUSINESS, CARD, CODE, IDENTITY, LETTERS, TENS, UNITS, WHOLE

Part = tuple[int, int, str]
"""Where something personal begins and ends, and its kind."""

_CARD_DIGITS = range(13, 20)
_CARD_BEGINS = "23456"
"""The industries of banking, travel and merchandising (ISO/IEC 7812)."""
_PHONE_DIGITS = range(7, 16)
_CUE = 5
"""Words between what announces a number and the number."""
_LAST_FOUR = 3
_LONGEST_CLOCK = 4
_CLOCK = re.compile(r"\b(?:at|around|a las?)\W*$", re.IGNORECASE)
_BY_REGION = {
    "US": (ssn,),
    "GB": (nhs,),
    "ES": (dni, nie),
    "FR": (nir,),
    "DE": (idnr,),
    "NL": (bsn,),
    "CA": (sin,),
    "CH": (ahv,),
    "CL": (rut,),
}
_MODULES = (dni, nie)
# Written as one word; digits alone do not make them.
_WRITTEN = (
    (re.compile(r"\b[XYZ][ -]?\d{7}[ -]?[A-Z]\b|\b\d{8}[ -]?[A-Z]\b", re.IGNORECASE), (dni, nie)),
    (re.compile(r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", re.IGNORECASE), (codicefiscale,)),
    (re.compile(r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d\b", re.IGNORECASE), (curp,)),
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z\d]{4}){2,7}(?:[ -]?[A-Z\d]{1,3})?\b", re.IGNORECASE)
# National Insurance, United Kingdom: gov.uk, "NI numbers: format"; two letters, six digits, one letter of four.
_NINO = re.compile(
    r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][ ]?[A-CEGHJ-NPR-TW-Z](?:[ ,-]?\d){6}[ ,-]?[A-D]\b", re.IGNORECASE
)
_ALPHANUMERIC = re.compile(
    rf"\b(?:{IDENTITY})\b(?:\W+(?:number|is|it'?s|es|el|my|mi|número|de)\b)*\W+"
    r"((?!(?:is|es|el|mi|my|de|no|s)\b)[A-Z]{1,3}[ -]?\d[\dA-Z -]{3,12}[\dA-Z])\b",
    re.IGNORECASE,
)


def _cue(words: str) -> re.Pattern[str]:
    """Find words that stand shortly before a place in a text, in its sentence."""
    return re.compile(rf"\b(?:{words})\b(?:[^\w.?!]+[\w'\u2019#]+){{0,{_CUE}}}[^\w.?!]*$", re.IGNORECASE)


_BUSINESS, _IDENTITY, _CARD, _CODE = (_cue(words) for words in (BUSINESS, IDENTITY, CARD, CODE))
_OF_CARD = re.compile(rf"\b(?:{CARD})\b", re.IGNORECASE)
_IS_CARD = re.compile(r"^\W+(?:is|are|es|son)\W+(?:on |de )?(?:my |the |mi |la )?(?:card|tarjeta)\b", re.IGNORECASE)
_NUMBER = "|".join(
    sorted(
        {*UNITS, *TENS, *WHOLE, "ciento", "hundred", "thousand", "million", "mil", "millón", "millones"}, reverse=True
    )
)
_LETTER = "|".join(sorted(LETTERS, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"\b(?:{IDENTITY})\b(?:\W+(?:number|is|it'?s|es|el|my|mi|número)\b)*\W+"
    rf"(?P<number>(?:{_NUMBER})\b(?:[\s,-]+(?:(?:y|and)\s+)?(?:{_NUMBER})\b){{2,}}"
    rf"(?:[\s,-]+(?:con\s+)?(?:la\s+)?(?:letra\s+)?(?!(?:y|a|o|i)\b)(?:{_LETTER})\b)?)",
    re.IGNORECASE,
)
_SORT_CODE = re.compile(
    rf"\bsort ?code(?:\W+(?:is|it'?s|number)\b)*\W+"
    rf"(?P<number>(?:\d|(?:{_NUMBER})\b)(?:[\s-]*(?:\d|\b(?:{_NUMBER})\b)){{2,5}})",
    re.IGNORECASE,
)
_EXPIRY = re.compile(
    r"\b(?:expir\w+|exp|caduca|caducidad|vence|vencimiento)\W+(?:(?:date|is|on|in|fecha|es|el|en)\W+)*"
    r"(?P<number>\d{1,2}\s*[/-]\s*\d{2,4})\b",
    re.IGNORECASE,
)


def speaks_of_card(text: str) -> bool:
    """Whether a text says card, or what is printed on one: who hears it may answer with a part of its number."""
    return bool(_OF_CARD.search(text))


def find_numbers(text: str, region: str, *, of_card: bool = False) -> Iterator[Part]:
    """Yield the personal numbers of a text; `region` is that of its language's tag, such as "US".

    With `of_card` a card was asked for: any three digits and more may be a part of it.
    """
    yield from _written(text)
    for row in rows(text):
        kind = _kind(text[: row.start], row, region) or _part_of_card(text, row, of_card=of_card)
        if kind:
            begin = row.before_start if row.before and _has_letters(row) else row.start
            end = row.after_end if row.after and (_has_letters(row) or kind == "national_id") else row.end
            yield *_grown(text, begin, end), kind


def _grown(text: str, begin: int, end: int) -> tuple[int, int]:
    """Return the ends of the words that a place begins and ends in: no part of an identifier stays."""
    while begin and text[begin - 1].isalnum() and text[begin].isalnum():
        begin -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return begin, end


def _part_of_card(text: str, row: Row, *, of_card: bool) -> str:
    before = text[: row.start]
    if len(row.digits) < _LAST_FOUR or _BUSINESS.search(before):
        return ""
    code = bool(_CODE.search(before) and speaks_of_card(before))
    return "card" if of_card or code or _IS_CARD.search(text[row.end :]) else ""


def _written(text: str) -> Iterator[Part]:
    for pattern, modules in _WRITTEN:
        for match in pattern.finditer(text):
            if any(module.is_valid(match.group()) for module in modules):
                yield match.start(), match.end(), "national_id"
    for match in _IBAN.finditer(text):
        if iban.is_valid(match.group()):
            yield match.start(), match.end(), "bank_account"
    for match in _NINO.finditer(text):
        yield match.start(), match.end(), "national_id"
    for match in _ALPHANUMERIC.finditer(text):
        yield match.start(1), match.end(1), "national_id"
    expiry = [(_EXPIRY, "card")] if speaks_of_card(text) else []
    for pattern, kind in [(_IN_WORDS, "national_id"), (_SORT_CODE, "bank_account"), *expiry]:
        for match in pattern.finditer(text):
            yield match.start("number"), match.end("number"), kind


def _kind(before: str, row: Row, region: str) -> str:
    """Return what a row of digits is; empty: nobody's own."""
    if len(row.digits) in _CARD_DIGITS and row.digits[0] in _CARD_BEGINS and luhn.is_valid(row.digits):
        return "card"
    if _has_letters(row) or _is_national(row, region):
        return "national_id"
    for cue, kind, shortest in ((_IDENTITY, "national_id", 4), (_CARD, "card", _LAST_FOUR)):
        clock = kind == "card" and len(row.digits) <= _LONGEST_CLOCK and _CLOCK.search(before)
        if len(row.digits) >= shortest and _nearest(cue, before) and not clock:
            return kind
    if len(row.digits) not in _PHONE_DIGITS or _BUSINESS.search(before):
        return "card" if len(row.digits) in _CARD_DIGITS and not _BUSINESS.search(before) else ""
    return "phone"


def _nearest(cue: re.Pattern[str], before: str) -> bool:
    """Whether a number's cue stands before it, and no business's number is announced behind that."""
    found, other = cue.search(before), _BUSINESS.search(before)
    return found is not None and (other is None or found.start() > other.start())


def _has_letters(row: Row) -> bool:
    """Whether the letters around make it a Spanish identity number."""
    whole = row.before + row.digits + row.after
    return any(module.is_valid(form) for module in _MODULES for form in (whole, row.digits + row.after))


def _is_national(row: Row, region: str) -> bool:
    """Whether it is a number of the region's state. Of a US one the grouping tells, for most nine digits are valid."""
    if row.groups == [9] or len(row.digits) != 9:
        grouped = True
    else:
        grouped = region != "US" or row.groups in ([3, 2, 4], [1] * 9, [5, 4])
    return grouped and any(module.is_valid(row.digits) for module in _BY_REGION.get(region, ()))
