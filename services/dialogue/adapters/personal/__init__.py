"""Finds what identifies a person in what was said, where no entity tells of it: written, or read aloud."""

from services.dialogue.adapters.personal.numbers import Part, find_numbers, speaks_of_card
from services.dialogue.adapters.personal.others import find_others

__all__ = ["Part", "find_personal", "speaks_of_card"]

_OF_AGENT = frozenset({"card", "national_id", "date_of_birth"})


def find_personal(text: str, language: str = "", *, agent: bool = False, of_card: bool = False) -> list[Part]:
    """Return where personal data stands in a text, and its kind.

    Args:
        language: BCP 47 tag of the conversation; its region says what the numbers of the state look like.
        agent: whether these are an agent's words: a business's own telephone number and address are nobody's secret.
        of_card: whether a card was asked for: any three digits and more may be a part of it.
    """
    region = language.partition("-")[2].upper()
    if not region:
        region = {"en": "US", "es": "ES"}.get(language.lower(), "")
    found = [*find_numbers(text, region, of_card=of_card), *find_others(text)]
    return [part for part in found if not agent or part[2] in _OF_AGENT]
