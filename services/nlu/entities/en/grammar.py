"""All that is read in English."""

from services.nlu.entities.en.address import read_addresses
from services.nlu.entities.en.date_ranges import read_date_ranges
from services.nlu.entities.en.dates import read_dates
from services.nlu.entities.en.durations import read_durations
from services.nlu.entities.en.email import read_emails
from services.nlu.entities.en.money import read_money
from services.nlu.entities.en.number import read_numbers
from services.nlu.entities.en.order_number import read_order_numbers
from services.nlu.entities.en.ordinals import read_ordinals
from services.nlu.entities.en.percentages import read_percentages
from services.nlu.entities.en.person_name import read_person_names
from services.nlu.entities.en.phone import read_phones
from services.nlu.entities.en.quantities import read_quantities
from services.nlu.entities.en.retractions import RETRACTIONS
from services.nlu.entities.en.spelling import read_spellings
from services.nlu.entities.en.time_ranges import read_time_ranges
from services.nlu.entities.en.times import read_times
from services.nlu.entities.gazetteers import read_gazetteers
from services.nlu.entities.grammar import Grammar, Speech

_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_DIGITS = "zero oh o one two three four five six seven eight nine double triple"

GRAMMAR = Grammar(
    language="en",
    readers=(
        read_emails,
        read_phones,
        read_order_numbers,
        read_money,
        read_dates,
        read_times,
        read_person_names,
        read_addresses,
        read_date_ranges,
        read_durations,
        read_ordinals,
        read_percentages,
        read_quantities,
        read_spellings,
        read_time_ranges,
        read_gazetteers,
        read_numbers,
    ),
    speech=Speech(
        numbers="en",
        no_numbers=frozenset({"second", "seconds", "o"}),
        pairs=frozenset(f"{ten} second" for ten in _TENS.split()),
        hundreds=frozenset({"hundred"}),
        digits=frozenset(_DIGITS.split()),
        repeats=frozenset({"double", "triple", "treble"}),
        fillers="u+h+m*|u+m+|e+r+m*|a+hm*|h+m+|mm+|you know|let me see|let's see|let me think|like i said",
        stutters="the|on|at|in|of|is|my|it's|next|this|half|quarter|past|from|until|about|around|and|number",
        # "Ten ten a.m." is a time, "three three p.m." a repeat.
        counted="minutes?|hours?|days?|weeks?|months?|years?|people|o'clock|percent"
        r"|(?<!ten )(?<!eleven )(?<!twelve )[ap]\.?m\.?",
        respelled={"tirty": "thirty", "fourty": "forty", "fivety": "fifty", "ninty": "ninety"},
    ),
    retractions=RETRACTIONS,
)
