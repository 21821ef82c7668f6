"""All that is read in English."""

from services.nlu.entities.en.dates import read_dates
from services.nlu.entities.en.email import read_emails
from services.nlu.entities.en.money import read_money
from services.nlu.entities.en.number import read_numbers
from services.nlu.entities.en.order_number import read_order_numbers
from services.nlu.entities.en.person_name import read_person_names
from services.nlu.entities.en.phone import read_phones
from services.nlu.entities.en.retractions import RETRACTIONS
from services.nlu.entities.en.times import read_times
from services.nlu.entities.gazetteers import read_gazetteers
from services.nlu.entities.grammar import Grammar, Speech

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
        read_gazetteers,
        read_numbers,
    ),
    speech=Speech(numbers="en", no_numbers=frozenset({"second", "seconds"})),
    retractions=RETRACTIONS,
)
