"""People's names as they are given: "my name is Sarah Miller", "this is John", or bare where one is expected."""

import re
from collections.abc import Iterator, Sequence

from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText, Word

_STRONG = re.compile(
    r"\b(?:(?:my|the|his|her|full|first|last|family|second)[ -]?(?:full |first |last |family |own )?"
    r"name(?: is|'s| would be)"
    r"|under (?:the )?name(?: of)?|in the name of|(?:my )?name(?: is|'s|:)|(?:i am|i'm|it's) called|call me"
    r"|they call me)(?: mr\.?| mrs\.?| ms\.?| dr\.?| mister| doctor| actually)?,? "
)
_WEAK = re.compile(
    r"\b(?:this is|i am|i'm|it's|it is|here is|speaking to|i meant|i said|no,?|that's|under|for"
    r"|my (?:son|daughter|wife|husband|mother|father|friend)(?: is| named| called)?,?)"
    r"(?: mr\.?| mrs\.?| ms\.?| dr\.?)? "
)
_OPENING = re.compile(
    r"^(?:(?:um+|uh+|er+|yes|yeah|yep|sure|okay|ok|hi|hello|well|so|certainly|of course|please|mr|mrs|ms|dr|it's"
    r"|it is|that's|that is)[,.!]? +)*"
)
_AFTER = re.compile(r"^,? (?:speaking|here|calling)\b")
_PARTICLE_WORDS = "de da di van von der den la le del dos al el bin ibn mac mc o san st"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_OTHER_WORDS = """
    a about above after afternoon again all also am an and another any anybody anyone anything april are as at august
    away back bad be because been before bit both but by bye call calling can cannot clinic closed come correct could
    day december did do does doing done down during each english every february fine first for friday from get go going
    good goodbye got great had happy has have he hello help her here hi him his hold hope house how i if in interested
    is it january july june just know last late later let like little looking lot made make man march may maybe me mine
    monday month more morning much must my name need never new next nice nine no nobody none nor not nothing november
    now number of off oh ok okay old on one only open operator or order other our out over pardon person phone please
    problem quite ready really right run same saturday say second see september she should sick so some somebody someone
    something sorry speak still sunday sure take talk tell than thank thanks that the their them then there these they
    thing think third this those though thursday time tired to today tomorrow tonight too true trying tuesday two
    unhappy up urgent us very wait want was we wednesday week well were what when where which who why will with woman
    would wrong yeah year yes yesterday yet you your i'd i'm i'll i've it's don't didn't can't won't that's what's
    spelled spelt wondering speaking
"""
_NOT_NAMES = frozenset(_OTHER_WORDS.split())
_MOST_WORDS = 4


def read_person_names(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find names; a value is written with capitals: "Sarah Miller".

    After a strong cue ("my name is") any words that can be names count; after a weak one ("this is") and where a name
    is expected only what is written with capitals or begins with a common first name.
    """
    expected = "person_name" in context.expected
    for match in _STRONG.finditer(text.canonical):
        yield from _named(text, context, match.end(), 0.95, strict=False)
    for match in _WEAK.finditer(text.canonical):
        confidence = 0.8 if expected or match.group().startswith(("this is", "i am", "i'm")) else 0.6
        yield from _named(text, context, match.end(), confidence, strict=True)
    yield from _introduced(text, context)
    if expected:
        opening = _OPENING.match(text.canonical)
        yield from _named(text, context, opening.end() if opening else 0, 0.75, strict=True, whole=True)


def _named(
    text: SpokenText, context: Context, at: int, confidence: float, *, strict: bool, whole: bool = False
) -> Iterator[Found]:
    """Read a name at a place of the canonical text; `whole`: nothing but politeness may follow."""
    if at >= len(text.canonical):
        return
    source, _ = text.source(at, at + 1)
    words = _run(text, [word for word in text.words if word.start >= source], context, strict=strict)
    if not words or (whole and not _ends(text, words[-1])):
        return
    if strict and len(words) == 1 and words[0].text not in context.first_names:
        confidence -= 0.1
    yield _found(text, words, confidence)


def _introduced(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find "John Carter speaking", "Anna here" at the beginning."""
    match = _OPENING.match(text.canonical)
    source, _ = text.source(match.end(), match.end() + 1) if match and match.end() < len(text.canonical) else (0, 0)
    words = _run(text, [word for word in text.words if word.start >= source], context, strict=True)
    if words and _AFTER.match(text.raw[words[-1].end :].lower()):
        yield _found(text, words, 0.85)


def _run(text: SpokenText, words: Sequence[Word], context: Context, *, strict: bool) -> list[Word]:
    """Return the words from the first on that can be one name."""
    run: list[Word] = []
    for word in words[: _MOST_WORDS + 2]:
        apart = run and text.raw[run[-1].end : word.start].strip(" -.") != ""
        ended = run and "." in text.raw[run[-1].end : word.start] and len(run[-1].text) > 1
        if apart or ended or not _can_be_name(text, word, context, first=not run, strict=strict):
            break
        run.append(word)
    while run and run[-1].text in _PARTICLES:
        run.pop()
    return run[:_MOST_WORDS]


def _can_be_name(text: SpokenText, word: Word, context: Context, *, first: bool, strict: bool) -> bool:
    if not word.text.replace("'", "").isalpha() or word.text in _NOT_NAMES:
        return False
    if word.text in context.first_names or (not first and word.text in _PARTICLES):
        return True
    capital = text.raw[word.start].isupper()
    known = word.text in context.vocabulary
    if strict and first:
        # a sentence's first word is always written with a capital: the domain's own words are no names then
        return capital and not known
    return capital or not known


def _ends(text: SpokenText, last: Word) -> bool:
    rest = [word.text for word in text.words if word.start >= last.end]
    return all(word in {"please", "thanks", "thank", "you", "here", "speaking", "yes"} for word in rest)


def _found(text: SpokenText, words: Sequence[Word], confidence: float) -> Found:
    start, end = text.canonical_place(words[0].start, words[-1].end)
    value = " ".join(_capital(text.raw[word.start : word.end], first=i == 0) for i, word in enumerate(words))
    return Found("person_name", start, end, value, confidence)


def _capital(word: str, *, first: bool) -> str:
    if not first and word.lower() in _PARTICLES and word.islower():
        return word
    return word if any(letter.isupper() for letter in word) and not word.isupper() else word.capitalize()
