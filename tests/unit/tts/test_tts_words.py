"""Word times from an engine's marks."""

import numpy as np

from services.tts.engines.words import Place, WordTracker, sounding

RATE = 1_000


def tone(count: int) -> np.ndarray:
    return np.full(count, 0.5, np.float32)


def silence(count: int) -> np.ndarray:
    return np.zeros(count, np.float32)


def test_sounding() -> None:
    assert sounding(np.concatenate((silence(3), tone(2), silence(4)))) == (3, 5)
    assert sounding(silence(4)) == (0, 4)


def test_a_word_lasts_from_sound_to_sound_and_comes_with_its_audio() -> None:
    tracker = WordTracker(["one", "two"], RATE)
    assert tracker.feed(tone(100), [Place(0, 0)]) is None
    first = tracker.feed(np.concatenate((silence(50), tone(50))), [Place(150, 1)])
    assert first is not None
    assert first.samples.size == 150
    assert [(w.text, w.start_s, w.end_s) for w in first.words] == [("one", 0.0, 0.1)]
    rest = tracker.finish()
    assert rest is not None
    assert rest.samples.size == 50
    assert [(w.text, w.start_s, w.end_s) for w in rest.words] == [("two", 0.15, 0.2)]
    assert tracker.finish() is None


def test_marks_of_the_same_word_make_one() -> None:
    tracker = WordTracker(["$5", "now"], RATE)
    chunk = tracker.feed(tone(300), [Place(0, 0), Place(100, 0), Place(200, 1)])
    assert chunk is not None
    assert [(w.text, w.start_s, w.end_s) for w in chunk.words] == [("$5", 0.0, 0.2)]


def test_words_without_a_mark_share_the_stretch() -> None:
    tracker = WordTracker(["this", "four", "is", "last"], RATE)
    chunk = tracker.feed(tone(400), [Place(0, 0), Place(160, 2), Place(300, 4, begins=False)])
    assert chunk is not None
    assert [(w.text, round(w.start_s, 3), round(w.end_s, 3)) for w in chunk.words] == [
        ("this", 0.0, 0.08),
        ("four", 0.08, 0.16),
        ("is", 0.16, round(0.16 + 0.14 / 3, 3)),
        ("last", round(0.16 + 0.14 / 3, 3), 0.3),
    ]
    rest = tracker.finish()
    assert rest is not None
    assert rest.words == ()


def test_the_last_words_end_with_the_audio() -> None:
    tracker = WordTracker(["ab", "cd"], RATE)
    assert tracker.feed(tone(100), [Place(0, 0)]) is None
    rest = tracker.finish()
    assert rest is not None
    assert [(w.text, w.start_s, w.end_s) for w in rest.words] == [("ab", 0.0, 0.05), ("cd", 0.05, 0.1)]
