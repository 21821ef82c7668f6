"""How names are given in English."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from services.nlu.entities.en.spelling import LETTERS
from services.nlu.entities.found import Context, Found
from services.nlu.entities.person_name import NameWords, PersonNameReader
from services.nlu.entities.spelling import Spelled
from services.nlu.entities.text import SpokenText

_STRONG = re.compile(
    r"\b(?:(?:my|the|his|her|full|first|1st|last|family|second)[ -]?(?:full |first |1st |last |family |own )?"
    r"name(?: is|'s| would be)|(?:my |his |her )?(?:first|1st|last|family|full)[ -]name"
    r"|(?:my |the |his |her )?surname(?: is|'s)"
    r"|under (?:the )?name(?: of)?|in the name of|(?:my )?name(?: is|'s|:)|(?:i am|i'm|it's) called|call me"
    r"|they call me)(?: mr\.?| mrs\.?| ms\.?| dr\.?| mister| doctor| actually)?,? "
)
_WEAK = re.compile(
    r"\b(?:this is|i am|i'm|it's|it is|here is|speaking to|i meant|i said|no,?|sorry,?|actually,?|i mean,?|that's"
    r"|under|for"
    r"|my (?:son|daughter|wife|husband|mother|father|friend)(?: is| named| called)?,?)"
    r"(?: mr\.?| mrs\.?| ms\.?| dr\.?| mister| missus| miss| doctor)? "
)
_OPENING = re.compile(
    r"^(?:(?:um+|uh+|er+|yes|yeah|yep|sure|okay|ok|hi|hello|well|so|certainly|of course|please|mr|mrs|ms|dr|it's"
    r"|it is|that's|that is)[,.!]? +)*"
)
_AFTER = re.compile(r"^,? (?:speaking|here|calling)\b")
_PARTICLE_WORDS = "de da di van von der den la le del dos al el bin ibn mac mc o san st"
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
    spelled spelt wondering speaking instead saved
"""

_read_plain = PersonNameReader(
    NameWords(
        strong_cue=_STRONG,
        weak_cue=_WEAK,
        sure=("this is", "i am", "i'm"),
        opening=_OPENING,
        after=_AFTER,
        particles=frozenset(_PARTICLE_WORDS.split()),
        no_names=frozenset(_OTHER_WORDS.split()),
        titles=("mr ", "mr. ", "mrs ", "mrs. ", "ms ", "ms. ", "dr ", "dr. ", "mister ", "missus ", "miss ", "doctor "),
        closing=frozenset({"please", "thanks", "thank", "you", "here", "speaking", "yes"}),
    )
)

_SPELLED = (
    r"(?:that's|that is|it's|it is|spelled|spelt|spelling|i spell it|i spell that|you spell it|you spell that|which is"
    r"|and)"
)
_BEFORE_LETTERS = re.compile(rf"^[\s,.:-]*(?:{_SPELLED}[\s,.:-]+)*$")
_NAME_CUE = re.compile(
    rf"\b(?:name|surname|called)(?:'s)?(?: is| was)?[,:]?(?: {_SPELLED},?)*(?: with)? $"
    r"|\bspell(?:ed|t)? (?:my|the) name $"
)
_SPELLING_CUE = re.compile(r"\b(?:spelled|spelt|spell|surname|name)\b[^.?!]{0,25}$")
_FEWEST_LETTERS = 3
_ALIKE = 0.5


def read_person_names(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find names; letters that spell one decide how it is written: "Smyth, s m y t h"."""
    plain = list(_read_plain(text, context))
    yield from plain
    canonical = text.canonical
    for spelled in LETTERS.read(canonical, announced=lambda at: _SPELLING_CUE.search(canonical[:at]) is not None):
        if spelled.letters >= _FEWEST_LETTERS and spelled.value.isalpha():
            found = _with_name(spelled, plain, canonical) or _alone(spelled, canonical, context)
            if found:
                yield found


def _with_name(spelled: Spelled, plain: list[Found], canonical: str) -> Found | None:
    """Join a name and its spelling: the word that is most alike is written as it was spelled."""
    for name in plain:
        said = canonical[name.start : min(name.end, spelled.start)].strip(" ,.-")
        behind = canonical[name.start + len(said) : spelled.start]
        if name.start >= spelled.start or not said or not _BEFORE_LETTERS.match(behind):
            continue
        words = name.value.split(" ")[: len(said.split(" "))]
        letters = spelled.value.capitalize()
        likeness = [SequenceMatcher(None, word.lower(), letters.lower()).ratio() for word in words]
        best = max(range(len(words)), key=likeness.__getitem__)
        if likeness[best] >= _ALIKE:
            words[best] = letters
        else:
            words.append(letters)
        return Found("person_name", name.start, spelled.end, " ".join(words), 0.97)
    return None


def _alone(spelled: Spelled, canonical: str, context: Context) -> Found | None:
    before = canonical[: spelled.start]
    expected = "person_name" in context.expected and (not before or _BEFORE_LETTERS.match(before) is not None)
    if not expected and not _NAME_CUE.search(before):
        return None
    return Found("person_name", spelled.start, spelled.end, spelled.value.capitalize(), 0.96)
