"""How words are spelled in Spanish: "ge a ere ce i a", "B de burro", "eme o ele i ene a"."""

from collections.abc import Iterator

from services.nlu.entities.found import Context, Found
from services.nlu.entities.spelling import Letters, LetterWords, SpellingReader
from services.nlu.entities.text import SpokenText

_NAMES = {
    "efe": "f", "ge": "g", "hache": "h", "jota": "j", "ka": "k", "ele": "l", "elle": "ll", "eme": "m", "ene": "n",
    "eñe": "ñ", "pe": "p", "cu": "q", "erre": "r", "ere": "r", "ese": "s", "uve": "v", "be larga": "b", "ve corta": "v",
    "be grande": "b", "ve chica": "v", "uve doble": "w", "doble ve": "w", "doble u": "w", "doble uve": "w",
    "equis": "x", "i griega": "y", "ye": "y", "zeta": "z", "zeda": "z", "ce": "c",
}  # fmt: skip
_SOUNDS = {"be": "b", "ve": "v", "de": "d", "te": "t", "se": "c", "ah": "a", "eh": "e"}
_WORDS = LetterWords(
    alphabet=_NAMES,
    sounds=_SOUNDS,
    spelled_as="de|como|como en",
    repeats={"doble": 2},
    cue="se escribe|deletre[oa]|letras?|iniciales|código|apellido|nombre|placa",
    no_pairs=frozenset({"am", "pm", "ok", "tv", "ya", "yo"}),
)
_read_plain = SpellingReader(Letters(_WORDS), _WORDS)


def read_spellings(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find what is spelled; "y de paso" is no Y with a word: one letter that its word contradicts is none."""
    for found in _read_plain(text, context):
        if not found.alternatives or sum(sign.isalpha() for sign in found.value) > 1:
            yield found
