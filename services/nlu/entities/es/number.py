"""Plain numbers in Spanish."""

from services.nlu.entities.number import NumberReader

read_numbers = NumberReader(pronouns=frozenset({"unos", "unas", "un", "una", "uno"}))
