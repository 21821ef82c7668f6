"""Which sentences are fixed: those that stand in the domains' files, word for word.

`<domain>/<language>/flow.yaml` and `turns.yaml` hold what the agent says. Every text in them that ends as a sentence
does counts, in whatever place it stands: one that is never spoken costs a little memory, one that were missed would
cost callers time. Sentences with a template's braces are left out, for a caller's data goes into them.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mesh import logs
from services.tts.cache.memory import tidy
from services.tts.sentences import SentenceSplitter, ends_sentence, speakable

_log = logs.get_logger(__name__)
_FILES = ("flow.yaml", "turns.yaml")


class FixedSentences:
    """The fixed sentences by language, as they reach the engine: cut as the text of a stream is."""

    def __init__(self, by_language: Mapping[str, Collection[str]]) -> None:
        self.by_language = {language: tuple(dict.fromkeys(map(tidy, texts))) for language, texts in by_language.items()}
        self._all = frozenset(text for texts in self.by_language.values() for text in texts)

    def __contains__(self, text: str) -> bool:
        return tidy(text) in self._all


def read_fixed(folder: Path) -> FixedSentences:
    """Read the fixed sentences of all domains in a folder.

    A file that cannot be read is left out and named in the log: the dialogue, whose file it is, refuses it.
    """
    by_language: dict[str, list[str]] = {}
    for path in sorted(path for name in _FILES for path in folder.glob(f"*/*/{name}")):
        language = path.parent.name
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            _log.warning("tts.fixed_sentences_unreadable", file=str(path), error=str(error))
            continue
        found = by_language.setdefault(language, [])
        for text in _texts(content):
            found += sentences_of(text, language)
    return FixedSentences(by_language)


def sentences_of(text: str, language: str) -> list[str]:
    """Return what the engine gets of a text that is spoken as a whole or sentence by sentence, without templates."""
    pieces = _cut(tidy(text), language)
    sentences: list[str] = []
    begun = ""
    for piece in pieces:
        begun += piece
        if ends_sentence(piece):
            sentences.append(begun.strip())
            begun = ""
    # A sentence that stands alone begins with a capital letter, and is cut at other commas than one behind others.
    alone = [piece for sentence in sentences for piece in _cut(sentence[0].upper() + sentence[1:], language)]
    whole = [] if begun else pieces
    stripped = dict.fromkeys(piece.strip() for piece in alone + whole)
    return [piece for piece in stripped if speakable(piece) and not set("{}") & set(piece)]


def _cut(text: str, language: str) -> list[str]:
    splitter = SentenceSplitter(language)
    return splitter.feed(text) + splitter.flush()


def _texts(content: Any) -> Iterator[str]:
    """Yield all texts in a YAML file's content but the keys."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)
