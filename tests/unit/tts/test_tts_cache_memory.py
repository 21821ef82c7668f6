"""What decides a sentence's speech, and how much of it memory holds."""

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import REGISTRY
from unit.tts.fake_engine import VOICE

from services.tts.cache.memory import MemoryCache, Speech, SpeechKey, kept, size_of, speech_key, tidy
from services.tts.model import Delivery, SpeechChunk, WordTime

KEY = speech_key("Hello.", Delivery(VOICE))


def speech(samples: int = 1_000) -> Speech:
    return (kept(SpeechChunk(np.zeros(samples, np.float32), (WordTime("Hello", 0.0, 0.1),))),)


def key(text: str) -> SpeechKey:
    return replace(KEY, text=text)


@pytest.mark.parametrize(
    "other",
    [
        speech_key("Hello!", Delivery(VOICE)),
        speech_key("Hello.", Delivery(VOICE, rate=1.1)),
        speech_key("Hello.", Delivery(VOICE, pitch_semitones=1.0)),
        speech_key("Hello.", Delivery(replace(VOICE, name="other"))),
        speech_key("Hello.", Delivery(replace(VOICE, engine="other"))),
        speech_key("Hello.", Delivery(replace(VOICE, revision="2"))),
        speech_key("Hello.", Delivery(replace(VOICE, languages=("de",)))),
    ],
)
def test_whatever_changes_the_speech_changes_the_key(other: SpeechKey) -> None:
    assert other != KEY
    cache = MemoryCache(1_000_000)
    assert cache.put(KEY, speech())
    assert cache.get(other) is None
    assert cache.get(speech_key(" Hello. \n", Delivery(VOICE))) is not None


def test_texts_are_compared_composed_and_without_spare_white_space() -> None:
    assert tidy(" Un  cafe\u0301,\nplease. ") == "Un caf\u00e9, please."


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = MemoryCache(3 * size_of(speech()))
    for text in "abc":
        assert cache.put(key(text), speech())
    assert cache.get(key("a")) is not None
    assert cache.put(key("d"), speech())
    assert [cache.get(key(text)) is not None for text in "abcd"] == [True, False, True, True]
    assert REGISTRY.get_sample_value("voicemesh_tts_cache_bytes") == 3 * size_of(speech())


def test_it_never_holds_more_than_its_limit() -> None:
    cache = MemoryCache(10 * size_of(speech()))
    for number in range(100):
        cache.put(key(str(number)), speech(samples=500 + 37 * number % 2_000))
        held = REGISTRY.get_sample_value("voicemesh_tts_cache_bytes")
        assert held is not None
        assert 0 < held <= 10 * size_of(speech())


def test_what_is_larger_than_the_cache_is_not_kept_and_drives_nothing_out() -> None:
    cache = MemoryCache(2 * size_of(speech()))
    assert cache.put(key("small"), speech())
    assert not cache.put(key("large"), speech(samples=5_000))
    assert cache.get(key("large")) is None
    assert cache.get(key("small")) is not None


def test_without_making_room_only_what_is_free_is_used() -> None:
    cache = MemoryCache(2 * size_of(speech()))
    assert cache.put(key("a"), speech(), make_room=False)
    assert cache.put(key("b"), speech(), make_room=False)
    assert not cache.put(key("c"), speech(), make_room=False)
    assert cache.put(key("a"), speech(), make_room=False)
    assert cache.get(key("a")) is not None
    assert cache.get(key("b")) is not None


def test_what_is_kept_is_a_copy_that_nobody_can_change() -> None:
    samples = np.zeros(10, np.float32)
    chunk = kept(SpeechChunk(samples[2:4]))
    samples[:] = 1
    assert chunk.cached
    assert not chunk.samples.any()
    with pytest.raises(ValueError, match="read-only"):
        chunk.samples[0] = 1
