"""Cuts text that arrives in pieces into sentences, so that speech begins before the text is whole.

Where a cut lies depends on the text alone, never on how it was divided into pieces, and nothing is lost or
added: what the splitter gives out, joined, is what it was fed.
"""

import re
import unicodedata

MAX_CHARACTERS = 300
"""Longest sentence given out; a longer one is cut at its last white space, or anywhere if it has none."""

_FIRST_CLAUSE = 40
_LATER_CLAUSE = 140
_ENDS = ".!?…"
_WIDE_ENDS = "。！？｡"  # noqa: RUF001 - the ends of Chinese and Japanese sentences; no space follows them
_CLOSERS = "\"'”’»)]}*_"  # noqa: RUF001 - typographic marks are meant
_CLAUSE_ENDS = ",;:，；：、"  # noqa: RUF001
# A full stop behind these never ends a sentence, for a name or number follows.
_TITLES = frozenset(
    {
        *("dr", "mr", "mrs", "ms", "mx", "prof", "rev", "hon", "gen", "col", "capt", "lt", "sgt", "st", "mt", "vs"),
        *("messrs", "hr", "fr", "nr", "bzw", "ca", "dipl", "ing", "sr", "sra", "mme", "mlle"),
    }
)
# Behind these it does when what follows begins like a sentence.
_PERHAPS = frozenset(
    {
        *("no", "etc", "jr", "inc", "ltd", "co", "corp", "dept", "approx", "appt", "ext", "fig", "vol", "usw"),
        *("jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
    }
)
# Languages that write ordinals as a number with a full stop: "am 24. November".
_DOTTED_ORDINALS = frozenset(
    {*("de", "da", "nb", "nn", "no", "fi", "is", "cs", "sk", "sl", "hr", "sr", "bs", "hu", "et", "lv", "tr")}
)


def speakable(text: str) -> bool:
    """Return whether there is anything to say in a text: a letter, a digit, a currency or another sign with a name."""
    return any(c.isalnum() or c in "&%@#" or unicodedata.category(c) in {"Sc", "Sm"} for c in text)


def pause_after(sentence: str) -> float:
    """Return the seconds of silence that belong between a sentence and the next, by what it ends with.

    An engine that is given sentences one by one cannot make it. The lengths are those that espeak-ng itself
    makes within a text: 0.3 s at a sentence's end, half of it at a clause's.
    """
    if ends_sentence(sentence):
        return 0.3
    return 0.15 if _last(sentence) in _CLAUSE_ENDS else 0.0


def ends_sentence(text: str) -> bool:
    """Return whether a text ends as a sentence does: with . ! ? … or a full stop of Chinese and Japanese."""
    return _last(text) in _ENDS + _WIDE_ENDS


def _last(text: str) -> str:
    """Return the last character but for quotation marks and the like; a space if there is none."""
    return text.rstrip().rstrip(_CLOSERS)[-1:] or " "


class SentenceSplitter:
    """Takes text in pieces and gives out sentences as soon as they are whole.

    A sentence ends at . ! ? or … before white space (not in "3.30", "Dr. Smith", "10 a.m. on"), at a line's
    end, and at the full stop of Chinese and Japanese. A clause of 40 characters at the beginning, of 140 later,
    is given out at its comma, so that the first audio comes early. It holds `MAX_CHARACTERS` at most.
    """

    def __init__(self, language: str = "en") -> None:
        self._ordinals = language.lower().split("-")[0] in _DOTTED_ORDINALS
        self._buffer = ""
        self._scanned = 0
        self._begun = False

    @property
    def held(self) -> int:
        """Characters that came and were not given out."""
        return len(self._buffer)

    def feed(self, text: str) -> list[str]:
        """Take a piece; return the sentences that are whole now, with the white space behind them."""
        sentences = []
        # In slices, so that a long piece is not copied once for each of its sentences.
        for start in range(0, len(text), MAX_CHARACTERS):
            self._buffer += text[start : start + MAX_CHARACTERS]
            while (cut := self._next_cut()) is not None:
                sentences.append(self._take(cut))
        return sentences

    def flush(self) -> list[str]:
        """Return what is left as a sentence, if anything is; the next text begins anew."""
        rest, self._buffer, self._scanned, self._begun = self._buffer, "", 0, False
        return [rest] if rest else []

    def _take(self, cut: int) -> str:
        sentence, self._buffer, self._scanned = self._buffer[:cut], self._buffer[cut:], 0
        self._begun = self._begun or not sentence.isspace()
        return sentence

    def _next_cut(self) -> int | None:
        """Return where the buffer is to be cut; None when that cannot be said yet."""
        while self._scanned < len(self._buffer):
            index = self._scanned
            if index >= MAX_CHARACTERS:
                return self._forced_cut()
            ends = self._ends_at(index)
            if ends is None:
                return self._forced_cut() if len(self._buffer) > MAX_CHARACTERS else None
            self._scanned += 1
            if ends:
                return self._scanned
        return None

    def _forced_cut(self) -> int:
        head = self._buffer[:MAX_CHARACTERS]
        spaces = [match.end() for match in re.finditer(r"\s", head)]
        return spaces[-1] if spaces and not head[: spaces[-1]].isspace() else MAX_CHARACTERS

    def _ends_at(self, index: int) -> bool | None:
        """Return whether a sentence ends behind a character; None when the next text decides."""
        character, before = self._buffer[index], self._buffer[:index]
        if character in _WIDE_ENDS:
            return True
        if not character.isspace() or not before or before.isspace():
            return False
        if character == "\n":
            return True
        if before[-1] in _CLAUSE_ENDS:
            return len(before) >= (_LATER_CLAUSE if self._begun else _FIRST_CLAUSE)
        before = before.rstrip(_CLOSERS)
        if before.endswith(("!", "?")):
            return True
        return self._stop_ends(before, index) if before.endswith((".", "…")) else False

    def _stop_ends(self, before: str, index: int) -> bool | None:
        """Return whether a full stop or ellipsis before white space ends its sentence."""
        word = re.split(r"[\s(\[\"'“‘-]", before.rstrip(_ENDS))[-1]  # noqa: RUF001
        if word.lower() in _TITLES or (len(word) == 1 and word.isupper() and word != "I"):
            return False
        if self._ordinals and re.fullmatch(r"\d{1,2}", word):
            return False
        if not self._doubtful(before, word):
            return True
        following = self._buffer[index:].lstrip()
        if not following:
            return None
        return not (following[0].islower() or following[0].isdigit())

    def _doubtful(self, before: str, word: str) -> bool:
        """Return whether only what follows tells: "10 a.m.", "etc.", "well...", "No. 5"."""
        return "." in word or word.lower() in _PERHAPS or before.endswith(("..", "…"))
