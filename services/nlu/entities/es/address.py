"""Street addresses as they are told: "calle Mayor 23, segundo izquierda", "Insurgentes Sur 1234, colonia Del Valle"."""

import re
from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_KINDS = {
    "c/": "calle",
    "av.": "avenida",
    "avda.": "avenida",
    "av": "avenida",
    "avda": "avenida",
    "pº": "paseo",
    "pza.": "plaza",
    "ctra.": "carretera",
}
"""Written short, and in full."""
_KIND = (
    r"(?:calle|avenida|c/|av\.|avda\.|avda|av|plaza|plazuela|pza\.|paseo|pº|carretera|ctra\.|camino|ronda|traves[ií]a"
    r"|callej[oó]n|pasaje|bulevar|calzada|carrera|diagonal|transversal|glorieta|prolongaci[oó]n|privada|jir[oó]n"
    r"|circuito|alameda|rambla|circunvalaci[oó]n|cerrada)"
)
_COMMON = frozenset(
    {"camino", "paseo", "plaza", "carrera", "privada", "cerrada", "circuito", "diagonal", "pasaje", "ronda"}
)
"""Words of everyday too: they begin an address where more than a name and a number says so."""
_NO_NAME = """
    a al para por con sin que es en y o u se me te le nos mi tu su no sí si una uno un la las los el este esta
    derecha izquierda principal hora horas minutos personas veces días semanas euros dólares pesos gracias favor
    número numero num núm n° garaje aparcamiento unos unas dura cuesta vale tiene
"""
_LINK = r"(?:de(?: la| los| las| el)?|del|la|las|los|el|y) "
_WORD = rf"(?:(?!(?:{'|'.join(_NO_NAME.split())})\b(?!'))[^\W\d_]+(?:['.-][^\W\d_]+)*\.?)"
_NAME = rf"(?:{_LINK})?(?:{_WORD}|\d{{1,3}})(?: (?:{_LINK})?{_WORD}){{0,4}}?"
_NUMBER_WORD = r"(?:n[uú]mero|n[uú]m\.?|n[º°]|no\.|#)"
_LETTER = r"[a-df-np-xz](?![^\W_])(?! (?:las?|los|el)\b)"
_HOUSE = rf"\d{{1,5}}(?: ?(?:bis|{_LETTER}))?(?:(?: ?- ?| gui[oó]n )\d{{1,4}}(?! ?\d))?"
_NO_COUNT = (
    r"(?! ?(?:euros?|d[oó]lares?|pesos?|minutos?|horas?|d[ií]as?|semanas?|mes(?:es)?|años?|personas?|veces"
    r"|kil[oó]metros?|metros?|por 100|por ciento|%|€|\$)(?![^\W_]))"
)
_NO_HOUSE = r"(?:sin n[uú]mero|s/n)"
_FLOORS = {
    "primero": "1º",
    "primer": "1º",
    "segundo": "2º",
    "tercero": "3º",
    "tercer": "3º",
    "cuarto": "4º",
    "1.ᵉʳ": "1º",
    "3.ᵉʳ": "3º",
}
_FLOOR = rf"(?:{'|'.join(map(re.escape, _FLOORS))}|\d{{1,2}}[ºª]|(?:planta )?baj[oa]|[aá]tico|entresuelo|principal)"
_DOOR = rf"(?:(?:puerta |letra )?(?:\d{{1,2}}(?![^\W_])|{_LETTER})|izquierda|derecha|centro|exterior|interior)"
_CODE = rf"(?:[a-z]-?)?\d(?: ?\d){{0,3}}(?: ?{_LETTER})?|{_LETTER}"
_PARTS = (
    r"piso|planta|escalera|portal|bloque|puerta|interior|int\.|departamento|depto\.?|apartamento|apto\.?|oficina|local"
    r"|casa|torre|edificio|lote|manzana|letra|n[uú]mero"
)
_UNIT = rf"(?:{_FLOOR}(?: piso)?(?:,? {_DOOR})?|(?:{_PARTS}) (?:{_CODE})(?:,? (?:izquierda|derecha))?)"
_QUARTER = rf"(?:colonia|col\.|barrio|urbanizaci[oó]n|fraccionamiento|sector|delegaci[oó]n) {_NAME}"
_ZIP = r"(?P<zip>\d{2,3} ?\d{2,3}|\d(?:[ ,]+\d+){1,4})"
_CITY = rf"{_WORD}(?: (?:{_LINK})?{_WORD}){{0,2}}"
_END = r"(?=[,.!?;]|$)"
_ZIP_CUE = r"(?:con )?(?:el )?(?:c[oó]digo postal|c\.? ?p\.?)(?: es)?(?: el)?:?"
_TAIL = (
    rf"(?:,? (?:{_ZIP_CUE} {_ZIP}|(?<=, ){_ZIP.replace('zip', 'code')})(?![\d,]*\d))?"
    rf"(?:(?:(?<=\d) |, | en )(?P<city>(?!(?:{_PARTS}|entre|esquina)\b){_CITY}){_END})?"
)
_REST = rf"(?P<units>(?:,? {_UNIT})*)(?P<quarter>(?:,? (?:en la |en el )?{_QUARTER}{_END})?){_TAIL}"
_STREET = re.compile(
    rf"(?<![^\W_])(?P<kind>{_KIND}) (?P<name>{_NAME}),?"
    rf" (?:(?:(?:en )?(?:el )?(?P<sign>{_NUMBER_WORD}) ?)?(?P<house>{_HOUSE})|(?P<none>{_NO_HOUSE}))"
    rf"(?![^\W_]|[.:/]\d){_NO_COUNT}{_REST}"
)
_CUED = re.compile(
    rf"\b(?:(?:direcci[oó]n|domicilio) (?:es|ser[ií]a)(?: en)?|vivo en|vivimos en) (?P<kind>)"
    rf"(?P<name>(?!{_KIND} |1 |[uú]n){_NAME}),? (?:{_NUMBER_WORD} ?)?(?P<house>\d{{1,4}})(?P<none>)(?P<sign>)"
    rf"(?![^\W_]|[.:/]\d){_NO_COUNT}{_REST}"
)
_TRIGGER = re.compile(rf"(?<![^\W_]){_KIND} |direcci|domicilio|\bviv(?:o|imos) en")
_CUE = re.compile(r"\b(?:direcci[oó]n|domicilio|viv(?:o|imos)|env[ií]\w+|mand\w+|entreg\w+)\b[^.?!]{0,30}$")
_SMALL = frozenset({"de", "del", "la", "las", "los", "el", "y"})


def read_addresses(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find addresses; a value is a text with figures, capitals and commas: "Calle Mayor 23, 2º izquierda".

    A street without a number is none: what is meant by "la calle Mayor" cannot be found.
    """
    if not _TRIGGER.search(text.canonical):
        return
    taken = 0
    for pattern, confidence in ((_STREET, 0.93), (_CUED, 0.8)):
        for match in pattern.finditer(text.canonical, taken):
            if (match["kind"] in _COMMON or pattern is _CUED) and not _is_street(match, text):
                continue
            start = match.start("kind")
            # A street may be called by a day, "5 de Mayo", which is no date then.
            sure = 0.98 if pattern is _STREET and re.search(r"\d", match["name"]) else confidence
            end = match.start() + len(match.group().rstrip(" .,"))
            taken = end
            yield Found("address", start, end, _written(match), sure)


def _is_street(match: re.Match[str], text: SpokenText) -> bool:
    """Say whether a kind of street that is a common word, too, is one here: "paseo unos 20 minutos" is none."""
    if match["none"] or match["sign"] or match["units"] or match["quarter"] or match["city"]:
        return True
    start, _ = text.source(match.start("name"), match.end("name"))
    told = match["kind"] and (match["name"].startswith(("de ", "del ")) or _CUE.search(match.string[: match.start()]))
    return bool(told) or text.raw[start].isupper()


def _written(match: re.Match[str]) -> str:
    kind = match["kind"]
    street = " ".join(part for part in (_KINDS.get(kind, kind), match["name"]) if part)
    sign = "número " if match["house"] and street[-1].isdigit() else ""
    house = "s/n" if match["none"] else re.sub(r" ?- ?| gui[oó]n ", "-", match["house"])
    units = [_unit(found.group().lstrip(" ,")) for found in re.finditer(rf",? {_UNIT}", match["units"])]
    quarter = re.sub(r"^,? (?:en l[ae] |en el )?", "", match["quarter"])
    code = re.sub(r"\D", "", match["zip"] or match["code"] or "")
    last = " ".join(part for part in (code, _title(match["city"] or "")) if part)
    parts = (f"{_title(street)} {sign}{_house(house)}", *units, _title(quarter), last)
    return ", ".join(part for part in parts if part)


def _house(house: str) -> str:
    return re.sub(r" ?([a-d])$", lambda letter: letter[1].upper(), house)


def _unit(words: str) -> str:
    """ "segundo izquierda" is "2º izquierda", "apartamento 3 01" is "apartamento 301", "6º d" is "6º D"."""
    first, _, rest = words.replace(",", "").partition(" ")
    if first in _FLOORS:
        words = f"{_FLOORS[first]} {rest}".strip()
    joined = re.sub(r"(?<=\d) (?=\d)", "", words.replace(",", ""))
    return re.sub(r"(?<=\d) ?([a-z])$|(?<= )([a-z])$", lambda letter: letter.group().upper(), joined)


def _title(words: str) -> str:
    return " ".join(word if word in _SMALL and index else _capital(word) for index, word in enumerate(words.split()))


def _capital(word: str) -> str:
    """ "o'higgins" is "O'Higgins"."""
    return re.sub(r"^[^\W_]|(?<=^[do]')[^\W_]", lambda letter: letter.group().upper(), word)
