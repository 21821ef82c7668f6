"""Plain numbers in English."""

from services.nlu.entities.number import NumberReader

read_numbers = NumberReader(pronouns=frozenset({"one"}))
