"""What the languages have of their own: fillers, words that may be said twice, capitals, numbers, abbreviations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Language:
    """The habits of one language. All words are in lower case and bare of punctuation unless said otherwise.

    `asides` are fillers only where commas or the sentence's ends set them apart. `little` are words that nobody says
    twice on purpose; `twice` are words that are. `weak` words hold on to the one behind them: no line ends with one.
    `capitals` maps words to the way they are always written. `abbreviations` end with a point that ends no sentence.
    `questions` begin a question; `inverted` do so when one of `subjects` follows, `imperatives` when one of `persons`
    does. `units` belong to the number before them; `months` to the number beside them; `connectors` join two numbers
    into one. `opening_marks`: a question has a mark at its beginning, too.
    """

    fillers: frozenset[str] = frozenset()
    asides: frozenset[tuple[str, ...]] = frozenset()
    little: frozenset[str] = frozenset()
    twice: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    capitals: Mapping[str, str] = field(default_factory=dict)
    abbreviations: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    particles: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    inverted: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    imperatives: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    months: frozenset[str] = frozenset()
    connectors: frozenset[str] = frozenset()
    opening_marks: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(*texts: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(text.split()) for text in texts)


_EN_ALWAYS = ("I", "I'm", "I'd", "I'll", "I've", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_EN_MONTHS = "january february march april may june july august september october november december"

ENGLISH = Language(
    fillers=_words("um umm uhm uh uhh er err erm eh hm hmm hmmm mmm ehm"),
    asides=_phrases("like", "you know", "i mean", "you see", "sort of", "kind of", "well"),
    little=_words(
        "a an the i you he she it we they my your his her our their this these in on at to of for from with by as if "
        "and or but because so is are was were am be been do does did have has can could will would should may might "
        "i'm i'd i'll i've it's that's there's we're you're what when where how who which not don't"
    ),
    twice=_words("had that very really so no yes yeah bye please double triple now there never many more much ha"),
    weak=_words(
        "a an the my your his her our their this that of to in on at for from with by as and or but if is are was were "
        "i'm i'd i'll i i've it's not very no about into than"
    ),
    capitals={word.lower(): word for word in (*_EN_ALWAYS, "Sunday", "OK")}
    # March, may and august are other words, too.
    | {word: word.capitalize() for word in _EN_MONTHS.split() if word not in {"march", "may", "august"}},
    abbreviations=_words("dr mr mrs ms prof st no vs etc e.g i.e a.m p.m jr sr inc approx"),
    titles=_words("dr mr mrs ms prof doctor mister miss professor"),
    particles=_words("van von der de la di da bin al mc"),
    questions=_words("what when where who whose why how which"),
    inverted=_words("is are was were does did can could will would should may has am isn't aren't doesn't can't won't"),
    subjects=_words("i you he she it we they there this that the a an my your his her our their"),
    imperatives=_words("do have don't"),
    persons=_words("i you we they"),
    numbers=_words(
        "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
        "double triple first second third fourth fifth sixth seventh eighth ninth tenth half quarter"
    ),
    units=_words(
        "am pm a.m p.m o'clock dollars dollar cents euros euro pounds percent minutes minute hours hour days day weeks "
        "week months month years year"
    ),
    months=_words(_EN_MONTHS),
    connectors=_words("and point past to"),
)

SPANISH = Language(
    fillers=_words("eh ehh ehm em emm mmm hm hmm"),
    asides=_phrases("este", "o sea", "digamos", "pues", "bueno", "es decir", "a ver"),
    little=_words(
        "el la los las un una unos unas yo tú él ella nosotros ustedes mi tu su mis tus sus me te se lo le nos de del "
        "a al en con por para sin y o pero porque que si es son era está están he ha han quiero puedo hay como no"
    ),
    twice=_words("no sí muy ya doble triple bien adiós gracias nunca más"),
    weak=_words(
        "el la los las un una unos unas mi tu su mis tus sus me te se lo le nos de del a al en con por para sin y o "
        "pero que si es son muy no"
    ),
    abbreviations=_words("sr sra srta dr dra ud uds etc p.ej a.m p.m d ª"),
    titles=_words("sr sra srta dr dra don doña señor señora doctor doctora"),
    particles=_words("de del"),
    questions=_words("qué cómo cuándo dónde quién quiénes cuál cuáles cuánto cuánta cuántos cuántas"),
    numbers=_words(
        "cero uno una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
        "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
        "veintisiete veintiocho veintinueve treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento "
        "doscientos doscientas trescientos quinientos mil millón millones doble triple media cuarto primero segundo"
    ),
    units=_words(
        "a.m p.m am pm dólares dólar centavos euros euro pesos peso minutos minuto horas hora días día semanas semana "
        "meses mes años año"
    ),
    months=_words("enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre"),
    connectors=_words("y con punto coma de menos"),
    opening_marks=True,
)

_LANGUAGES = {"en": ENGLISH, "es": SPANISH}
_NEUTRAL = Language()


def language_of(tag: str) -> Language:
    """The habits of a BCP 47 tag's language; of an empty tag English, of one that is not known no habits at all."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return _LANGUAGES.get(primary, _NEUTRAL) if primary else ENGLISH
