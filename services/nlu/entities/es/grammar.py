"""All that is read in Spanish."""

from services.nlu.entities.es.address import read_addresses
from services.nlu.entities.es.date_ranges import read_date_ranges
from services.nlu.entities.es.dates import read_dates
from services.nlu.entities.es.durations import read_durations
from services.nlu.entities.es.email import read_emails
from services.nlu.entities.es.money import read_money
from services.nlu.entities.es.number import read_numbers
from services.nlu.entities.es.order_number import read_order_numbers
from services.nlu.entities.es.ordinals import read_ordinals
from services.nlu.entities.es.percentages import read_percentages
from services.nlu.entities.es.person_name import read_person_names
from services.nlu.entities.es.phone import read_phones
from services.nlu.entities.es.quantities import read_quantities
from services.nlu.entities.es.retractions import RETRACTIONS
from services.nlu.entities.es.spelling import read_spellings
from services.nlu.entities.es.time_ranges import read_time_ranges
from services.nlu.entities.es.times import read_times
from services.nlu.entities.gazetteers import read_gazetteers
from services.nlu.entities.grammar import Grammar, Speech
from services.nlu.folding import folded

# "Cuarto" is a part of the hour, "segundo" what one waits, "centavos" are no hundredths but coins.
_NO_NUMBERS = "cuarto cuartos cuarta segundo segundos centavo centavos centésimo centésimos medio tercio tercios"

_DIGITS = "cero uno una dos tres cuatro cinco seis siete ocho nueve doble triple"
# What callers type without accents.
_ACCENTED = """
    mañana día días próximo próxima miércoles sábado último última penúltimo número teléfono dirección código después
    aquí acá año años dólar dólares céntimo céntimos décimo séptimo médico cédula más mediodía
"""

GRAMMAR = Grammar(
    language="es",
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
        numbers="es",
        no_numbers=frozenset(_NO_NUMBERS.split()),
        digits=frozenset(_DIGITS.split()),
        repeats=frozenset({"doble", "triple"}),
        fillers="e+h+|e+m+|m+h?m+|a+h+|este+e+|o sea|a ver|déjeme ver|digamos",
        stutters="el|la|las|los|a|al|en|de|del|para|por|es|mi|que|y|un|una|este|próximo|como|media",
        counted="minutos?|horas?|d[ií]as?|semanas?|meses|años?|personas?",
        respelled={
            "dieciseis": "dieciséis",
            "veintidos": "veintidós",
            "veintitres": "veintitrés",
            "veintiseis": "veintiséis",
            "veintiun": "veintiún",
            **{folded(word): word for word in _ACCENTED.split()},
        },
    ),
    retractions=RETRACTIONS,
)
