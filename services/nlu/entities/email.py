"""E-mail addresses, written or as they are spoken: "jane dot smith at example dot com"."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_WRITTEN = re.compile(r"\b[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b")


@dataclass(frozen=True, slots=True)
class AddressWords:
    """What the signs of an address are called.

    Attributes:
        at: words for "@".
        dot: words for ".".
        signs: words for the other signs: {"underscore": "_"}.
        heard_tops: what recognisers write for a top-level domain, and the domain: {"con": "com"}.
        cue: pattern of what announces an address; after it a name's words may be run together.
        announcing: pattern of words near which a domain may have two words: "at proton mail dot com".
        articles: pattern of words that begin no domain.
        together: pattern of what says that a name's words are one.
        no_names: words behind the cue that begin no name.
    """

    at: tuple[str, ...]
    dot: tuple[str, ...]
    signs: Mapping[str, str]
    heard_tops: Mapping[str, str]
    cue: str
    announcing: str = "(?!)"
    articles: str = "(?!)"
    together: str = "(?!)"
    no_names: frozenset[str] = frozenset()


class EmailReader:
    """Finds e-mail addresses; a value is in lower case, as written."""

    def __init__(self, words: AddressWords) -> None:
        self._words = words
        dots, ats = "|".join(words.dot), "|".join(words.at)
        dashes = [word for word, sign in words.signs.items() if sign == "-"]
        dot = rf"(?: (?:{dots}) | ?\. ?)"
        sign = rf" (?:{dots}|{'|'.join(words.signs)}) |[._+-]"
        # between the pieces of a name: signs; nothing before digits and after single letters, "j smith 4 2"
        joint = rf"(?:{sign}| (?=\d)|(?<=\s[a-z0-9]) (?!(?:{ats})\b)|(?<=^[a-z]) (?!(?:{ats})\b))"
        label = rf"(?:[a-z] )*[a-z0-9]+(?:(?: (?:{'|'.join(dashes)}) |-)[a-z0-9]+)*"
        domain = rf"(?P<domain>{label}(?:{dot}{label})*?{dot}(?P<top>[a-z]{{2,10}}))(?![a-z])(?! (?:{dots}) )"
        at = rf"(?: (?:{ats}) | ?@ ?)"
        self._guard = re.compile(rf"@|\b(?:{dots})\b|\w\.\w")
        self._spoken = re.compile(rf"(?<![\w'])(?P<local>[a-z0-9]+(?:{joint}[a-z0-9]+)*){at}{domain}")
        self._run_together = re.compile(rf"\b(?:{words.cue}) (?P<local>[a-z]+ [a-z]+(?: [a-z]+)?){at}{domain}")
        self._together = re.compile(
            rf"(?:^|(?<=[\s,]))(?P<local>(?!(?:{words.cue})\b)[a-z]+(?: [a-z]+){{0,2}}?),? "
            rf"(?:{words.together}),?{at}{domain}"
        )
        two_words = (
            rf"(?P<domain>(?!(?:{words.articles}) )[a-z]+ [a-z]+(?:{dot}{label})*?{dot}(?P<top>[a-z]{{2,10}}))(?![a-z])"
        )
        self._two_words = re.compile(rf"(?<![\w'])(?P<local>[a-z0-9]+(?:{joint}[a-z0-9]+)*){at}{two_words}")
        self._announced = re.compile(rf"\b(?:{words.announcing})\b[^.?!]{{0,25}}$")
        self._cue = re.compile(rf"^.*\b(?:{words.cue}) ")
        said = {f" {word} ": sign for word, sign in words.signs.items()} | {f" {word} ": "." for word in words.dot}
        self._signs = [*sorted(said.items(), key=lambda item: -len(item[0])), (" ", "")]
        self._no_names = {*words.dot, *words.signs, *words.no_names}

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find e-mail addresses."""
        if not self._guard.search(text.canonical):
            return
        for match in _WRITTEN.finditer(text.canonical):
            yield Found("email", match.start(), match.end(), match.group(), 0.98)
        for match in self._spoken.finditer(text.canonical):
            value = f"{self._written(match['local'])}@{self._domain(match['domain'])}"
            dotted = any(f" {dot} " in match["local"] for dot in self._words.dot)
            yield Found("email", match.start(), match.end(), value, 0.9 if dotted else 0.85)
        for match in self._two_words.finditer(text.canonical):
            before = text.canonical[: match.start()]
            if "email" in context.expected or " " in match["local"] or self._announced.search(before):
                value = f"{self._written(match['local'])}@{self._domain(match['domain'])}"
                yield Found("email", match.start(), match.end(), value, 0.8)
        for match in self._run_together.finditer(text.canonical):
            # "jane smith at example dot com": whether a dot was meant, nobody can hear
            words, domain = match["local"].split(" "), self._domain(match["domain"])
            if not self._no_names & set(words):
                values = ("".join(words) + "@" + domain, ".".join(words) + "@" + domain)
                yield Found("email", match.start("local"), match.end(), values[0], 0.88, values[1:])

        for match in self._together.finditer(text.canonical):
            announced = self._cue.match(match["local"])
            local = match["local"][announced.end() :] if announced else match["local"]
            value = f"{local.replace(' ', '')}@{self._domain(match['domain'])}"
            yield Found("email", match.end("local") - len(local), match.end(), value, 0.92)

    def _domain(self, spoken: str) -> str:
        """Return a domain as written; recognisers hear "com" in several ways."""
        name, _, top = self._written(spoken).rpartition(".")
        return f"{name}.{self._words.heard_tops.get(top, top)}"

    def _written(self, spoken: str) -> str:
        for words, sign in self._signs:
            spoken = spoken.replace(words, sign)
        return spoken
