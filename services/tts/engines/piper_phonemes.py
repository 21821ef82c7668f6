"""Text as a Piper voice reads it: IPA symbols, each with the word it came from."""

import difflib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from services.tts.normalise import SpokenText

_CLAUSE = re.compile(r"\S.*?(?:[.,;:!?…](?=\s)|$)", re.DOTALL)
_TERMINATORS = {"…": "."}
_PUNCTUATION = ".,;:!?"
# espeak-ng marks a change of language: "(en)kul(de)".
_LANGUAGE_MARK = re.compile(r"\([a-z-]+\)")


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A symbol of the voice's table and the index of its word; None for spaces and punctuation."""

    symbol: str
    word: int | None


def from_text(spoken: SpokenText) -> list[Phoneme]:
    """Return the characters themselves, as voices of the phoneme type "text" want them."""
    phonemes = []
    for character, origin in zip(spoken.text, spoken.origins, strict=True):
        word = None if origin < 0 or character.isspace() else origin
        phonemes += [Phoneme(symbol, word) for symbol in unicodedata.normalize("NFD", character.casefold())]
    return phonemes


def from_espeak(spoken: SpokenText, to_ipa: Callable[[str], str]) -> list[Phoneme]:
    """Return the text's phonemes.

    Args:
        spoken: the text.
        to_ipa: turns a text into IPA, words divided by spaces, without punctuation.

    The text goes through clause by clause, because the phonemiser drops the punctuation that the voice needs for
    its melody. Where the phonemiser joins words ("of the" is one to it) or divides them ("1985"), its symbols are
    matched with those of each word by itself, and a symbol that matches none goes with the one before it.
    """
    phonemes: list[Phoneme] = []
    for match in _CLAUSE.finditer(spoken.text):
        tokens = _tokens(spoken, match.start(), match.end())
        groups = _symbols(to_ipa(match[0])).split()
        if not groups:
            continue
        if phonemes:
            phonemes.append(Phoneme(" ", None))
        if len(groups) == len(tokens):
            phonemes += _joined([(group, [word] * len(group)) for group, (_, word) in zip(groups, tokens, strict=True)])
        else:
            phonemes += _matched(groups, tokens, to_ipa)
        end = _TERMINATORS.get(match[0][-1], match[0][-1])
        if end in _PUNCTUATION:
            phonemes.append(Phoneme(end, None))
    return phonemes


def _tokens(spoken: SpokenText, start: int, end: int) -> list[tuple[str, int]]:
    """Return what is spoken between two characters, divided at white space, each part with its word."""
    found = []
    for match in re.compile(r"\S+").finditer(spoken.text, start, end):
        word = spoken.word_at(match.start())
        if word is not None:
            found.append((match[0], word))
    return found


def _symbols(ipa: str) -> str:
    return unicodedata.normalize("NFD", _LANGUAGE_MARK.sub("", ipa))


def _joined(groups: list[tuple[str, list[int]]]) -> list[Phoneme]:
    phonemes: list[Phoneme] = []
    for symbols, words in groups:
        if phonemes:
            phonemes.append(Phoneme(" ", None))
        phonemes += [Phoneme(symbol, word) for symbol, word in zip(symbols, words, strict=True)]
    return phonemes


def _matched(groups: list[str], tokens: list[tuple[str, int]], to_ipa: Callable[[str], str]) -> list[Phoneme]:
    alone, owners = "", []
    for token, word in tokens:
        symbols = "".join(_symbols(to_ipa(token)).split())
        alone += symbols
        owners += [word] * len(symbols)
    together = "".join(groups)
    words: list[int | None] = [None] * len(together)
    for block in difflib.SequenceMatcher(None, alone, together, autojunk=False).get_matching_blocks():
        words[block.b : block.b + block.size] = owners[block.a : block.a + block.size]
    last = tokens[0][1] if tokens else 0
    filled = [last := word if word is not None else last for word in words]
    parts, at = [], 0
    for group in groups:
        parts.append((group, filled[at : at + len(group)]))
        at += len(group)
    return _joined(parts)
