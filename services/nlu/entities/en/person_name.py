"""How names are given in English."""

import re

from services.nlu.entities.person_name import NameWords, PersonNameReader

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

read_person_names = PersonNameReader(
    NameWords(
        strong_cue=_STRONG,
        weak_cue=_WEAK,
        sure=("this is", "i am", "i'm"),
        opening=_OPENING,
        after=_AFTER,
        particles=frozenset(_PARTICLE_WORDS.split()),
        no_names=frozenset(_OTHER_WORDS.split()),
        closing=frozenset({"please", "thanks", "thank", "you", "here", "speaking", "yes"}),
    )
)
