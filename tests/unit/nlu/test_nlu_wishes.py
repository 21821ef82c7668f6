"""Several intents in one sentence, over a scorer that knows some words."""

import math
from collections.abc import Callable

import pytest

from services.nlu.engines.scores import Scores
from services.nlu.engines.wishes import SURE, Wish, joined, parts_of, wishes
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity, FurtherIntent, IntentCandidate, Parse

WORDS = {
    "cleaning": "book",
    "prices": "ask_price",
    "open": "hours",
    "tuesday": "inform",
    "hello": "greet",
    "not": "deny",
}


def known_words(text: str) -> Scores:
    """Sure of the intent of the first known word; without one, everything is out of scope."""
    name = next((WORDS[word] for word in text.lower().strip("?.").split() if word in WORDS), None)
    names = sorted(set(WORDS.values()))
    logs = {each: math.log(0.9 if each == name else 0.1 / (len(names) - 1)) for each in names}
    return Scores(logs, 1.0 if name else -1.0)


def unsure(text: str) -> Scores:
    scores = known_words(text)
    even = {name: math.log(1 / len(scores.log_probabilities)) for name in scores.log_probabilities}
    return Scores(even, scores.scope_margin)


def told(text: str, *entities: Entity, scorer: Callable[[str], Scores] = known_words) -> tuple[Wish, ...]:
    parts = parts_of(SpokenText(text), entities)
    return wishes(parts, [scorer(part.text) for part in parts])


def understood(text: str, whole: tuple[IntentCandidate, ...] = ()) -> tuple[str, list[str]]:
    intents, further = joined(whole, told(text))
    return (intents[0].name if intents else "out of scope"), [part.intent.name for part in further]


BOOK = (IntentCandidate("book", 0.7), IntentCandidate("ask_price", 0.3))


def test_each_parts_intent_is_told_in_order() -> None:
    text = "book a cleaning and tell me your prices. When do you open?"
    assert understood(text, BOOK) == ("book", ["ask_price", "hours"])


def test_a_further_intent_has_its_place_and_confidence() -> None:
    text = "book a cleaning and tell me your prices"
    _, (further,) = joined(BOOK, told(text))
    assert text[further.start_char : further.end_char] == "tell me your prices"
    assert further.intent.confidence == pytest.approx(0.9)


def test_the_same_wish_twice_is_one() -> None:
    assert understood("book a cleaning and it is a cleaning for my son", BOOK) == ("book", [])


def test_greetings_and_information_are_no_further_wishes() -> None:
    assert understood("hello there and book a cleaning and on tuesday please", BOOK) == ("book", [])


def test_an_answer_is_no_further_wish_but_saves_a_whole_that_is_noise() -> None:
    assert understood("book a cleaning and on friday but not on sunday", BOOK) == ("book", [])
    assert understood("the dog is barking and not on sunday") == ("deny", [])


def test_a_date_alone_asks_nothing() -> None:
    text = "book a cleaning and on friday"
    entity = Entity("date", "friday", "2026-11-27", 23, 29, 0.9)
    assert [wish.first.name for wish in told(text, entity)] == ["book"]


def test_a_whole_that_is_out_of_scope_is_saved_by_its_first_wish() -> None:
    assert understood("my cat is ill and book a cleaning") == ("book", [])
    assert understood("book a cleaning and what are the prices") == ("book", ["ask_price"])


def test_a_whole_that_looks_like_a_third_thing_gives_way_to_what_its_parts_say() -> None:
    third = (IntentCandidate("hours", 0.6),)
    assert understood("book a cleaning and what are the prices", third) == ("book", ["ask_price"])
    assert understood("book a cleaning and my cat is ill", third) == ("hours", ["book"])


def test_what_is_unsure_or_out_of_scope_is_no_wish() -> None:
    assert 1 / len(set(WORDS.values())) < SURE
    assert told("book a cleaning and tell me your prices", scorer=unsure) == ()
    assert told("my cat is ill and the sun is out") == ()


def test_one_piece_has_no_further_intents() -> None:
    assert understood("book a cleaning", BOOK) == ("book", [])
    parse = Parse(BOOK, out_of_scope=False, entities=(), sentiment=None, engine="x")
    assert parse.further == ()
    assert FurtherIntent(BOOK[0], 0, 4).intent.name == "book"
