"""Words that come in pieces, as sentences that can be spoken: each as soon as it is certain that it is over."""

import re

_MARKS = re.compile(r"[*_`#>|~]+|\[\d+\]")
"""Marks of written text, which no voice should read."""
_BULLET = re.compile(r"^\s*(?:[-\u2022]|\d{1,2}[.)])\s+")
_END = re.compile(r"""[.!?\u2026]+["')\]\u201d\u2019]*(?=\s)|\n+""")
_TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "st", "prof", "no", "vs", "e.g", "i.e", "sr", "sra", "srta", "dra", "núm"}
)
_TIMES = frozenset({"a.m", "p.m"})
_LONGEST = 280
"""Characters of a sentence, which the voice takes half a minute for; longer ones are parted at a comma or a space."""


class Sentences:
    """Takes words as they come, gives sentences. At most one sentence of 280 characters is held back."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, text: str) -> list[str]:
        """Return the sentences that are complete now."""
        self._rest += text
        found = []
        while (cut := self._cut()) is not None:
            found.append(_spoken(self._rest[:cut]))
            self._rest = self._rest[cut:]
        return [sentence for sentence in found if sentence]

    def rest(self) -> str:
        """Return what is left when nothing more comes."""
        rest, self._rest = _spoken(self._rest), ""
        return rest

    def _cut(self) -> int | None:
        """Where the first sentence ends; None while that is open."""
        for match in _END.finditer(self._rest):
            if match[0].startswith("\n"):
                return match.end()
            follows = self._rest[match.end() :].lstrip()
            if not follows:
                return None
            if not _abbreviates(self._rest[: match.start()], match[0], follows):
                return match.end()
        if len(self._rest) <= _LONGEST:
            return None
        comma = max(self._rest.rfind(sign, 0, _LONGEST) for sign in ",;:")
        space = self._rest.rfind(" ", 0, _LONGEST)
        return (comma if comma > _LONGEST // 3 else space if space > 0 else _LONGEST - 1) + 1


def _abbreviates(before: str, mark: str, follows: str) -> bool:
    """Return whether a full stop belongs to a word: "Dr. Miller", "10 a.m. on", "J. Smith"."""
    if mark != ".":
        return False
    word = re.split(r"[\s(\"'\u201c]", before)[-1].lower()
    if word in _TIMES:
        return not follows[0].isupper()
    return word in _TITLES or (len(word) == 1 and word.isalpha()) or not before.strip() or _numbers(before)


def _numbers(before: str) -> bool:
    """Return whether the line has nothing but a number so far: an item of a list."""
    return before.rpartition("\n")[2].strip().isdigit()


def _spoken(text: str) -> str:
    return " ".join(_MARKS.sub("", _BULLET.sub("", text)).split())
