"""Street addresses as they are told: "12 Baker Street, London", "four twenty one west fifth avenue apartment 3b"."""

import re
from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_KINDS = """
    street st avenue ave road rd lane ln drive dr boulevard blvd court ct place pl square way terrace crescent close
    gardens parkway pkwy highway circle hill row mews grove walk alley trail broadway park gate green rise view
    turnpike plaza
"""
_STATES = """
    alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
    indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana
    nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming
"""
_MORE_STATES = (
    "new hampshire",
    "new jersey",
    "new mexico",
    "new york",
    "north carolina",
    "north dakota",
    "rhode island",
    "south carolina",
    "south dakota",
    "west virginia",
)
_POSTAL = """
    al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri
    sc sd tn tx ut vt va wa wv wi wy dc
"""
_NO_STREET = """
    a am an and are at be because been but by call can do for from had has have he i i'd i'm if in is it it's last me my
    next no not of off on or our out please she so that the their then there they this to today tomorrow up us was we
    were what when which will with yes you your minutes hours days weeks months years people times dollars percent
    o'clock pm half quarter past thanks thank okay ok and actually that's number
"""
_WORD = rf"(?!(?:{'|'.join(_NO_STREET.split())})\b)[^\W\d_][^\W\d_]*(?:['.-][^\W\d_]+)*\.?"
_KIND = rf"(?:{'|'.join(_KINDS.split())})"
_SIDE = r"(?:north|south|east|west|northeast|northwest|southeast|southwest|n|s|e|w)\.?"
_HOUSE = r"(?P<house>\d{1,5}(?:(?: oh?)? \d{1,4}){0,2}(?: ?[a-d](?![a-z]))?)"
_BEHIND = rf"(?: {_SIDE}(?! ?[a-z\d]\b)\b)?"
_STREET = rf"(?P<street>(?:{_SIDE} )?(?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)|the) ){{1,4}}?{_KIND}\b\.?{_BEHIND})"
_NUMBERED = r"(?P<numbered>(?:highway|route|county road|state road|interstate) \d{1,4})"
_ROOM = r"[a-z]?(?: |-)?\d{1,4}(?: ?[a-z](?![a-z]))?|[a-z](?![a-z])(?: \d{1,3})?"
_UNIT = rf"(?P<unit>(?:apartment|apt|suite|unit|flat|floor|room|number|#)\.? ?(?:{_ROOM}))"
_STATE = rf"(?:{'|'.join((*_MORE_STATES, *_STATES.split()))})"
_ZIP = r"\d{5}(?:-\d{4})?|\d(?: \d){4}|\d{3} \d\d|\d{2,3} \d \d|\d \d{2,4}(?: \d\d)?|(?:\d|oh?)(?: (?:\d|oh?)){4}"
_POSTCODE = r"[a-z] ?[a-z]? ?\d ?\d? ?[a-z]? ?\d ?[a-z] ?[a-z](?![a-z])"
_CITY = rf"{_WORD}(?: {_WORD}){{0,2}}?"
_STATE_CODE = rf"(?:{'|'.join(_POSTAL.split())})"
_ZIP_CUE = r"(?: zip(?: code)?(?: is)?)?"
_TAIL = (
    rf"(?:,? (?:in )?(?P<city>{_CITY}),?"
    rf" (?P<state>{_STATE}\b|(?<=, ){_STATE_CODE}\b|{_STATE_CODE}(?=,?{_ZIP_CUE} \d{{5}}\b))"
    rf"(?:,?{_ZIP_CUE} (?P<zip>{_ZIP})\b)?"
    rf"|(?:,? (?:in )?(?P<town>{_CITY}))?,? (?P<postcode>{_POSTCODE})"
    rf"|(?:,? (?:in )?(?P<place>{_CITY}),?)?{_ZIP_CUE} (?P<code>\d{{5}})\b"
    rf"|(?:, | in )(?P<last>{_CITY})(?=[.!?]*$)| (?P<end>{_WORD})(?=[.!?]*$))?"
)
_ADDRESS = re.compile(
    rf"(?<![\w.,/:$€£-])(?:{_UNIT.replace('unit>', 'before>')},? )?{_HOUSE},? (?:{_STREET}|{_NUMBERED})"
    rf"(?:,? {_UNIT})?{_TAIL}"
)
_BOX = re.compile(r"\bp\.? ?o\.? box (?P<box>\d+(?: \d+)*)")
_CUE = re.compile(
    r"\b(?:address|live|lives|living|deliver(?:ed|y)?|ship(?:ped)?|send|located|street|moved)\b[^.?!]{0,30}$"
)
_SMALL = frozenset({"of", "the", "upon", "on"})
_CAPITALS = frozenset({"n", "s", "e", "w", "ne", "nw", "se", "sw", "dc"})


def read_addresses(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find addresses; a value is a text with figures, capitals and commas: "421 West 5th Avenue, Apartment 3B"."""
    for match in _ADDRESS.finditer(text.canonical):
        confidence = 0.93 if _CUE.search(text.canonical[: match.start()]) or match["unit"] else 0.91
        end = match.start() + len(match.group().rstrip(" .,"))
        yield Found("address", match.start(), end, _written(match), confidence)
    for match in _BOX.finditer(text.canonical):
        yield Found("address", match.start(), match.end(), f"PO Box {match['box'].replace(' ', '')}", 0.93)


def _written(match: re.Match[str]) -> str:
    house = re.sub(r"\boh?\b", "0", match["house"]).replace(" ", "").upper()
    parts = [
        _title(match["before"] or ""),
        f"{house} {_title(match['street'] or match['numbered'])}",
        _title(match["unit"] or ""),
        _title(match["city"] or match["town"] or match["place"] or match["last"] or match["end"] or ""),
    ]
    code = (match["zip"] or match["code"] or "").replace("oh", "0").replace("o", "0").replace(" ", "")
    state = match["state"] or ""
    last = " ".join(
        each for each in (state.upper() if len(state) == 2 else _title(state), code, _postcode(match)) if each
    )
    return ", ".join(part for part in (*parts, last) if part)


def _postcode(match: re.Match[str]) -> str:
    letters = (match["postcode"] or "").replace(" ", "").upper()
    return f"{letters[:-3]} {letters[-3:]}" if letters else ""


def _title(words: str) -> str:
    title = " ".join(_capital(word, first=index == 0) for index, word in enumerate(words.split()))
    return re.sub(r"(?<=\d) (?=[A-Z]$)", "", title)


def _capital(word: str, *, first: bool) -> str:
    if word in _CAPITALS or (len(word) <= 5 and any(letter.isdigit() for letter in word) and word[-1] in "abcdefgh"):
        return word.upper() if not word.endswith(("st", "nd", "rd", "th")) else word
    if word in _SMALL and not first:
        return word
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))
