import zlib
from collections import Counter

import numpy as np
import pytest

from services.nlu.lexical import counted, learn, ngrams, words


def test_words_lose_case_and_accents() -> None:
    assert words("Quiero una CITA mañana, ¿sí?") == ["quiero", "una", "cita", "manana", "si"]
    assert words("don\u2019t you 4512") == ["don't", "you", "4512"]
    assert words("... !") == []


def test_words_are_the_same_beside_letters_that_are_no_ascii() -> None:
    for text in ("Book A CLEANING, don't you", "number 4512-b", "", "snake_case"):
        assert words(f"{text} \u00f1") == [*words(text), "n"]


def test_keys_are_those_of_the_ngrams() -> None:
    for text in ("book a cleaning, a cleaning!", "no no", "la ma\u00f1ana", ""):
        assert counted(text) == Counter(zlib.crc32(gram.encode()) for gram in ngrams(text))


def test_ngrams_are_words_pairs_and_pieces() -> None:
    assert set(ngrams("la cita")) == {
        "wla", "wcita", "p< la", "pla cita", "pcita >",
        "c<la", "cla>", "c<ci", "ccit", "cita", "cta>", "c<cit", "ccita", "cita>", "c<cita", "ccita>",
    }  # fmt: skip


def test_what_stands_twice_counts_twice() -> None:
    assert sorted(counted("no no").values()) == [1, 1, 1, 2, 2, 2]  # three pairs; the word, two pieces


def test_rows_are_of_length_one_over_what_is_known() -> None:
    vocabulary = learn(["book a cleaning", "cancel my booking"])
    places, weights = vocabulary.row("book a root canal")
    assert np.linalg.norm(weights) == pytest.approx(1.0)
    assert len(places) == len(set(places.tolist()))
    known = set(counted("book a cleaning")) | set(counted("cancel my booking"))
    assert {int(key) for key in vocabulary.keys[places]} == set(counted("book a root canal")) & known


def test_rare_ngrams_weigh_more_and_unseen_ones_nothing() -> None:
    vocabulary = learn(["la cita", "la hora", "la clínica"])
    (common, rare) = (vocabulary.row(text)[1] for text in ("la", "cita"))
    assert len(common)
    assert len(rare)
    assert vocabulary.idf.min() == pytest.approx(1.0)  # in every text
    assert len(vocabulary.row("xyzzy")[0]) == 0
    assert len(learn([]).row("la cita")[0]) == 0


def test_ngrams_that_stand_in_too_few_texts_are_left_out() -> None:
    texts = ["una cita", "la cita", "una hora"]
    assert len(learn(texts, seen_in=2).keys) < len(learn(texts).keys)
    assert len(learn(texts, seen_in=2).row("hora")[0]) < len(learn(texts).row("hora")[0])
