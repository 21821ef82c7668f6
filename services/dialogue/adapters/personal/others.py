"""What tells of a person without being a number: e-mail addresses, dates of birth, addresses, names."""

import re
import unicodedata
from collections.abc import Iterator

from services.dialogue.adapters.personal.numbers import Part
from services.dialogue.adapters.personal.words import (
    BIRTH,
    FLOORS,
    LETTERS,
    MONTHS,
    NAME_LIKELY,
    NAME_SURE,
    NO_NAME,
    ORDINALS,
    PARTICLES,
    PARTS,
    STREETS_EN,
    STREETS_ES,
    TENS,
    TITLES,
    UNITS,
    WHOLE,
)

_NUMBER_WORDS = "|".join(sorted({*TENS, *UNITS, *WHOLE, "hundred", "thousand", "mil"}, key=len, reverse=True))
_N = rf"(?:\d+(?:st|nd|rd|th|º|ª)?|(?:{_NUMBER_WORDS})|(?:{ORDINALS}))"
_GAP = r"[\s,.-]+"

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DOMAIN = r"(?:com|net|org|edu|es|co|uk|us|eu|io|de|fr|mx|info|gmail|hotmail|outlook|yahoo)"
_SPOKEN_EMAIL = re.compile(
    rf"(?<![\w.-])"
    rf"(?:[\w-]+{_GAP}(?:dot|underscore|dash|hyphen|plus|punto|gui[oó]n bajo|gui[oó]n|barra baja){_GAP}){{0,4}}"
    rf"[\w.-]+(?P<letters>(?:{_GAP}\w\b)*){_GAP}(?:at|arroba){_GAP}\w+(?:{_GAP}\w+){{0,2}}?"
    rf"(?:(?:{_GAP}(?:dot|punto){_GAP}|\.){_DOMAIN}\b)+",
    re.IGNORECASE,
)
_LETTER = "|".join(sorted({*LETTERS, "u", "y"}, key=len, reverse=True))
_SPELLED_BEFORE = re.compile(rf"(?:(?<!\w)\w[\s,-]+)+$|(?:(?<!\w)(?:{_LETTER})[\s,-]+){{2,}}$", re.IGNORECASE)
_PROVIDERS = "gmail|hotmail|icloud|googlemail|protonmail"
_AT_PROVIDER = re.compile(
    rf"(?<![\w.-])[\w.-]+(?:{_GAP}\w\b)*{_GAP}(?:at|arroba){_GAP}(?:{_PROVIDERS})\b", re.IGNORECASE
)
_AS_IN = r"(?:for|as in|like|de|como)"
_ALPHABET = re.compile(
    rf"\b[^\W\d_]{_GAP}{_AS_IN}\s+\w+"
    rf"(?:{_GAP}(?:and\s+|y\s+)?[^\W\d_]{_GAP}{_AS_IN}\s+\w+)+"
    rf"(?:{_GAP}(?:at|arroba)\s+\w+(?:(?:\s+(?:dot|punto)\s+|\.)\w+)*)?",
    re.IGNORECASE,
)
_WORDS_BEFORE = 3
"""Words of an address that is read aloud which may stand before the last one: "bob jones ninety nine at ..."."""
_NO_ADDRESS = NO_NAME | frozenset(
    [
        "email",
        "e-mail",
        "mail",
        "address",
        "correo",
        "write",
        "send",
        "escriba",
        "dirección",
        "email's",
        "mail's",
        "it's",
    ]
)

_MONTH_DATE = rf"(?:{_N}{_GAP}(?:of{_GAP}|de{_GAP})?(?:{MONTHS})|(?:{MONTHS}){_GAP}(?:the{_GAP})?{_N}(?:{_GAP}{_N})?)"
_BIRTH = re.compile(
    rf"\b(?:{BIRTH})\b(?:\W+(?:is|was|it'?s|on|in|es|fue|el|en|the|day|día|of|my|mi|año|year)\b)*\W+"
    rf"(?P<date>(?:the\s+|el\s+)?(?:{_N}|{MONTHS})\b(?:(?:{_GAP}|/|(?:\s+(?:of|de|del|the|y|and|on|in|el|en)(?:\s+(?:the|el))?\s+))(?:{_N}|{MONTHS})\b)*)",
    re.IGNORECASE,
)
_YEAR = (
    rf"(?:19[0-9]{{2}}|200[0-9]|201[0-5]|nineteen(?:{_GAP}(?:{_NUMBER_WORDS})){{1,2}}|"
    rf"mil{_GAP}novecientos(?:{_GAP}(?:y{_GAP})?(?:{_NUMBER_WORDS})){{0,3}})"
)
_BIRTH_AFTER = re.compile(
    rf"\b(?P<date>{_MONTH_DATE})\W+(?:is|was|es|fue)\W+(?:my|his|her|mi|su)\W+(?:{BIRTH})\b", re.IGNORECASE
)
_OLD_DATE = re.compile(
    rf"\b{_MONTH_DATE}{_GAP}(?:of{_GAP}|de{_GAP}|del{_GAP})?{_YEAR}\b|\b\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:19\d\d|200\d|201[0-5])\b|"
    r"\b(?:19\d\d|200\d|201[0-5])-\d{2}-\d{2}\b",
    re.IGNORECASE,
)

_STREET_NAME = r"[^\W\d_][\w'\u2019.-]*"
_NOT_STREET = (
    r"(?!(?:to|at|in|on|the|of|for|by|is|a|an|and|from|o'?clock|am|pm|days?|weeks?|hours?|minutes?|people|%)\b)"
)
_FIVE = rf"(?:\d{{5}}(?:-\d{{4}})?\b|(?:(?:{'|'.join(UNITS)})[\s-]+){{4}}(?:{'|'.join(UNITS)})\b)"
_NOT_TOWN = r"(?!(?:thanks|thank|please|and|but|the|yes|no|you|that|por|gracias|y|o|pero|para|que|en|el|la|es)\b)"
_TOWN = (
    r"(?-i:(?!(?:Thanks?|Please|And|But|The|Yes|No|You|That|Por|Gracias|Pero|Para|Que|It|Is|Can|My|Mi)\b)"
    r"[A-ZÁÉÍÓÚÑ][^\W\d_]+)"
)
# A town with its postcode, or a town after a comma, right behind an address.
_BEHIND_EN = rf"(?:[,\s]+(?:{_NOT_TOWN}{_STREET_NAME}[,\s]+){{0,4}}?{_FIVE}|,\s*{_TOWN}(?:\s+{_TOWN}){{0,2}})?"
_BEHIND_ES = (
    rf"(?:[,\s]+\d{{5}}\b)?(?:,\s*{_TOWN}(?:\s+{_TOWN}){{0,2}}|"
    rf"(?<=\d{{5}})(?:\s+(?:de\s+|en\s+)?{_NOT_TOWN}{_STREET_NAME}))?"
)
_ADDRESS_EN = re.compile(
    rf"\b(?:(?:{PARTS})\s+\w+{_GAP}(?:at\s+|en\s+)?)?{_N}(?:[\s-]+{_N}){{0,4}}[a-d]?\s+"
    rf"(?:{_NOT_STREET}(?:{_STREET_NAME}|\d+(?:st|nd|rd|th))\s+){{1,3}}(?:{STREETS_EN})\b\.?(?P<tail>(?:{_GAP}(?:{PARTS})\s+(?:number\s+)?\w+)*){_BEHIND_EN}",
    re.IGNORECASE,
)
_ADDRESS_ES = re.compile(
    rf"\b(?:gran vía|(?:{STREETS_ES})\s+(?:(?:{_STREET_NAME})\s*){{1,5}}?)[,\s]*"
    rf"(?:(?:número|num|n[º°.])\s*)?{_N}(?:[\s]+(?:y\s+)?{_N})*"
    rf"(?:{_GAP}(?:{PARTS})\s+\w+|{_GAP}{_N}{_GAP}(?:{PARTS})|{_GAP}\d+\s*[º°ª]\s*\w?|{_GAP}(?:{FLOORS})\b(?:{_GAP}(?-i:[A-Z])\b)?)*{_BEHIND_ES}",
    re.IGNORECASE,
)
_ADDRESS_TOLD = re.compile(
    rf"\b(?:address|dirección|domicilio)(?:['\u2019]s|\s+is|\s+es)[\s,:]+(?P<place>{_N}(?:[\s-]+{_N}){{0,4}}(?:\s+{_NOT_TOWN}{_STREET_NAME}){{1,3}})",
    re.IGNORECASE,
)
_POSTCODE_GB = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b")
_POSTCODE = re.compile(
    rf"\b(?:zip(?: code)?|postal code|post ?code|código postal)\b(?:\W+(?:is|it'?s|es|el)\b)*\W+"
    rf"(?P<code>{_N}(?:{_GAP}{_N}){{0,5}})",
    re.IGNORECASE,
)
_STATE_ZIP = re.compile(r"\b[A-Z]{2} \d{5}(?:-\d{4})?\b")
_BOX = re.compile(r"\bp\.?\s?o\.? box \d+\b|\bapartado(?: de correos)? \d+\b", re.IGNORECASE)

_WORD = r"[^\W\d_][^\W\d_]*(?:['\u2019-][^\W\d_]+)*"
_NAME_SURE = re.compile(rf"\b(?:{NAME_SURE})[\s,:]+(?P<name>{_WORD}(?:\s+{_WORD}){{0,3}})", re.IGNORECASE)
_SPELLED_NAME = re.compile(
    r"\b(?:name|surname|spelled|spelt|apellido|deletre\w+|nombre)\b[^.?!]*?(?P<letters>\b[^\W\d_](?:[\s,-]+[^\W\d_]\b){2,})",
    re.IGNORECASE,
)
_WORD_ONLY = r"[^\W\d_]+"
_SPELLING = re.compile(
    rf"\b(?P<word>[^\W\d_]{{3,}})[\s,.:]+(?P<letters>(?:{_LETTER})\b(?:[\s,.-]+(?:{_LETTER})\b){{2,}})", re.IGNORECASE
)
_CAPITAL = r"[A-ZÁÉÍÓÚÑ][^\W\d_]*(?:['\u2019-][^\W\d_]+)*"
_WRITTEN_NAME = rf"(?P<name>{_CAPITAL}(?:\s+{_CAPITAL}){{0,3}})"
_NAME_LIKELY = re.compile(rf"\b(?i:{NAME_LIKELY})\s+{_WRITTEN_NAME}")
_HERE = re.compile(
    rf"(?:^|[.,!?]\s*)(?i:(?:hi|hello|hey|yes|hola|sí)[\s,]+)?{_WRITTEN_NAME}"
    r"\s+(?i:here|speaking|al habla|al aparato)\b(?=\W*$|\W*[.,!?]|\s+(?:from|calling|again))"
)
_NOT_HERE = NO_NAME | {
    "right",
    "over",
    "out",
    "come",
    "near",
    "around",
    "look",
    "still",
    "nobody",
    "anyone",
    "up",
    "down",
}
_TITLED = re.compile(rf"\b(?i:{TITLES})\b\.?\s+{_WRITTEN_NAME}")


def find_others(text: str) -> Iterator[Part]:
    """Yield where e-mail addresses, dates of birth, addresses and names stand."""
    yield from _emails(text)
    for pattern in (_BIRTH, _BIRTH_AFTER):
        for match in pattern.finditer(text):
            yield match.start("date"), match.end("date"), "date_of_birth"
    for match in _OLD_DATE.finditer(text):
        yield match.start(), match.end(), "date_of_birth"
    for pattern in (_ADDRESS_EN, _ADDRESS_ES, _POSTCODE_GB, _STATE_ZIP, _BOX):
        for match in pattern.finditer(text):
            yield match.start(), match.end(), "address"
    for match in _ADDRESS_TOLD.finditer(text):
        yield match.start("place"), match.end("place"), "address"
    for match in _POSTCODE.finditer(text):
        yield match.start("code"), match.end("code"), "address"
    yield from _names(text)


def _emails(text: str) -> Iterator[Part]:
    for match in _EMAIL.finditer(text):
        yield match.start(), match.end(), "email"
    for match in _ALPHABET.finditer(text):
        yield match.start(), match.end(), "spelling"
    for pattern in (_SPOKEN_EMAIL, _AT_PROVIDER):
        for match in pattern.finditer(text):
            spelled = _SPELLED_BEFORE.search(text[: match.start()])
            yield (spelled.start() if spelled else _earlier(text, match.start())), match.end(), "email"


def _earlier(text: str, place: int) -> int:
    """Return where the words begin that belong to an address whose last word begins at a place."""
    for word in list(re.finditer(r"[\w'-]+(?=\s)", text[:place]))[: -_WORDS_BEFORE - 1 : -1]:
        between = text[word.end() : place]
        if between.strip() or word.group().lower() in _NO_ADDRESS:
            break
        place = word.start()
    return place


def _names(text: str) -> Iterator[Part]:
    for match in _SPELLED_NAME.finditer(text):
        yield match.start("letters"), match.end("letters"), "person_name"
    yield from _spelled_out(text)
    for pattern in (_NAME_SURE, _NAME_LIKELY, _TITLED, _HERE):
        for match in pattern.finditer(text):
            words = list(re.finditer(_WORD, match.group("name")))
            kept = _length(words)
            if kept and not (pattern is _HERE and words[0].group().lower() in _NOT_HERE):
                begin = match.start("name")
                yield begin, begin + words[kept - 1].end(), "person_name"


def _length(words: list[re.Match[str]]) -> int:
    """Return how many of the words belong to a name: up to the first that cannot."""
    kept = 0
    for place, word in enumerate(words):
        plain = word.group().lower()
        if plain not in NO_NAME:
            kept = place + 1
        elif not kept or plain not in PARTICLES:
            break
    return kept


def _spelled_out(text: str) -> Iterator[Part]:
    """A word and the letters that spell it right behind: "Connor, C-O-N-N-O-R", "Ruiz, erre u i zeta"."""
    for match in _SPELLING.finditer(text):
        letters = "".join(LETTERS.get(name.lower(), "") for name in re.findall(_WORD_ONLY, match["letters"]))
        if _plain(match["word"]) == _plain(letters):
            yield match.start(), match.end(), "person_name"


def _plain(word: str) -> str:
    """A word in small letters without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))
