"""E-mail addresses, written or as they are spoken: "jane dot smith at example dot com"."""

import re
from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_WRITTEN = re.compile(r"\b[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b")
_DOT = r"(?: dot | ?\. ?)"
_SIGN = r" (?:dot|underscore|under score|dash|hyphen|minus|plus) |[._+-]"
_JOINT = rf"(?:{_SIGN}| (?=\d)|(?<=\s[a-z0-9]) (?!at\b)|(?<=^[a-z]) (?!at\b))"
"""Between the pieces of a name: signs; nothing before digits and after single letters, "j smith 4 2"."""
_LABEL = r"(?:[a-z] )*[a-z0-9]+(?:(?: dash | hyphen |-)[a-z0-9]+)*"
_DOMAIN = rf"(?P<domain>{_LABEL}(?:{_DOT}{_LABEL})*?{_DOT}(?P<top>[a-z]{{2,10}}))(?![a-z])(?! dot )"
_AT = r"(?: at | ?@ ?| at sign )"
_SPOKEN = re.compile(rf"(?<![\w'])(?P<local>[a-z0-9]+(?:{_JOINT}[a-z0-9]+)*){_AT}{_DOMAIN}")
_RUN_TOGETHER = re.compile(
    rf"\b(?:e-?mail(?: address)?(?: is|'s)?|address is|write to me at|reach me at) "
    rf"(?P<local>[a-z]+ [a-z]+(?: [a-z]+)?){_AT}{_DOMAIN}"
)
_SIGNS = (
    (" underscore ", "_"),
    (" under score ", "_"),
    (" dot ", "."),
    (" dash ", "-"),
    (" hyphen ", "-"),
    (" minus ", "-"),
    (" plus ", "+"),
    (" ", ""),
)
_HEARD_FOR_COM = frozenset({"con", "calm", "come", "comm", "cam"})


def read_emails(text: SpokenText, _: Context) -> Iterator[Found]:
    """Find e-mail addresses; a value is in lower case, as written."""
    for match in _WRITTEN.finditer(text.canonical):
        yield Found("email", match.start(), match.end(), match.group(), 0.98)
    for match in _SPOKEN.finditer(text.canonical):
        value = f"{_signs(match['local'])}@{_domain(match['domain'])}"
        yield Found("email", match.start(), match.end(), value, 0.9 if " dot " in match["local"] else 0.85)
    for match in _RUN_TOGETHER.finditer(text.canonical):
        # "jane smith at example dot com": whether a dot was meant, nobody can hear
        words, domain = match["local"].split(" "), _domain(match["domain"])
        if not {"dot", "underscore", "dash", "hyphen", "plus", "is"} & set(words):
            values = ("".join(words) + "@" + domain, ".".join(words) + "@" + domain)
            yield Found("email", match.start("local"), match.end(), values[0], 0.88, values[1:])


def _domain(spoken: str) -> str:
    """Return a domain as written; recognisers hear "com" in several ways."""
    name, _, top = _signs(spoken).rpartition(".")
    return f"{name}.{'com' if top in _HEARD_FOR_COM else top}"


def _signs(spoken: str) -> str:
    for words, sign in _SIGNS:
        spoken = spoken.replace(words, sign)
    return spoken
