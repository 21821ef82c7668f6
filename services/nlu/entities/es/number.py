"""Plain numbers in Spanish."""

from services.nlu.entities.number import NumberReader

read_numbers = NumberReader(pronouns=frozenset({"un", "una", "uno"}))
