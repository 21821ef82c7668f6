"""Where a likely phrase may have been said."""

from __future__ import annotations

import pytest

from services.asr.phrases import Candidate, candidates, replace

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@pytest.mark.parametrize(
    ("text", "phrases", "expected"),
    [
        ("No, I said thirsty.", DAYS, ("thirsty.", "Thursday")),
        ("My name is Sir Emiller.", ("Sarah Miller",), ("Sir Emiller.", "Sarah Miller")),
        ("a route canal please", ("root canal", "filling"), ("route canal", "root canal")),
        ("No, that is all good-by.", ("goodbye",), ("good-by.", "goodbye")),
        ("No, Sam, you.", ("thank you",), ("Sam, you.", "thank you")),
    ],
)
def test_the_likeliest_place_comes_first(text: str, phrases: tuple[str, ...], expected: tuple[str, str]) -> None:
    words = text.split()
    best = candidates(words, phrases)[0]
    assert (" ".join(words[best.first : best.last]), best.phrase) == expected


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("The screen of the tablet is broken.", (*DAYS, "thank you", "whitening")),
        # A word that is a phrase already is left alone, whatever it sounds like.
        ("On Thursday, please.", DAYS),
        ("", DAYS),
        ("Hello there", ()),
        ("Hello there", ("?!",)),
    ],
)
def test_nothing_is_made_up(text: str, phrases: tuple[str, ...]) -> None:
    assert candidates(text.split(), phrases) == []


def test_no_more_than_six_places_are_asked_about() -> None:
    assert len(candidates(["thirsty"], [f"thirsty{letter}" for letter in "abcdefgh"])) == 6


def test_the_phrase_takes_the_punctuation_that_followed() -> None:
    words = ["My", "name", "is", "Sir", "Emiller,", "hello"]
    assert replace(words, Candidate(3, 5, "Sarah Miller", 0.9)) == ["My", "name", "is", "Sarah", "Miller,", "hello"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, tank you.", "Well, thank you."),
        ("That is all. Tank you!", "That is all. Thank you!"),
        ("tank you", "Thank you"),
    ],
)
def test_a_phrase_begins_large_where_a_sentence_does(text: str, expected: str) -> None:
    words = text.split()
    (candidate,) = candidates(words, ["thank you"])
    assert " ".join(replace(words, candidate)) == expected


def test_a_phrase_that_was_tried_is_not_offered_again_but_its_words_stand() -> None:
    assert candidates(["thirsty"], DAYS, tried={"Thursday"}) == []
    assert candidates(["Thursday"], ["Thursday", "thirsty"], tried={"Thursday"}) == []
