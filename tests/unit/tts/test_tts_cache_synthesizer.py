"""An engine with a memory for fixed sentences."""

import asyncio
import contextlib
from collections.abc import Sequence

import numpy as np
import pytest
from prometheus_client import REGISTRY
from unit.tts.fake_engine import VOICE, FakeSynthesizer

from mesh.errors import ErrorReason, MeshError
from services.tts.cache.fixed import FixedSentences
from services.tts.cache.memory import MemoryCache, speech_key
from services.tts.cache.synthesizer import CachedSynthesizer
from services.tts.model import Delivery, SpeechChunk

FIXED = "Which day suits you?"
PERSONAL = "Goodbye, Mary."
HOW = Delivery(VOICE)


def cached(engine: FakeSynthesizer, *, limit: int = 10_000_000) -> CachedSynthesizer:
    return CachedSynthesizer(engine, MemoryCache(limit), FixedSentences({"en": [FIXED, "One. Two."]}))


async def speak(engine: CachedSynthesizer, text: str, how: Delivery = HOW) -> list[SpeechChunk]:
    return [chunk async for chunk in engine.synthesize(text, how)]


def assert_same_speech(one: Sequence[SpeechChunk], other: Sequence[SpeechChunk]) -> None:
    assert [chunk.words for chunk in one] == [chunk.words for chunk in other]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(one, other, strict=True))


def counted(result: str) -> float:
    labels = {"engine": "fake", "result": result}
    return REGISTRY.get_sample_value("voicemesh_tts_cache_sentences_total", labels) or 0.0


async def test_a_fixed_sentence_is_spoken_once_and_then_the_same_again() -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine)
    hits, misses = counted("hit"), counted("miss")
    first = await speak(speaker, FIXED)
    again = [await speak(speaker, text) for text in (FIXED, f" {FIXED}", FIXED.replace(" ", "  "))]
    assert engine.texts == [FIXED]
    for other in again:
        assert_same_speech(first, other)
    assert [chunk.cached for chunk in first] == [False] * 4
    assert all(chunk.cached for other in again for chunk in other)
    assert (counted("hit") - hits, counted("miss") - misses) == (3, 1)


async def test_what_is_not_fixed_is_never_kept() -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine)
    passed = counted("passed")
    for _ in range(3):
        await speak(speaker, PERSONAL)
    assert engine.texts == [PERSONAL] * 3
    assert speaker.memory.get(speech_key(PERSONAL, HOW)) is None
    assert counted("passed") - passed == 3


async def test_another_delivery_is_another_speech() -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine)
    for how in (HOW, Delivery(VOICE, rate=1.5), Delivery(VOICE, pitch_semitones=2.0)) * 2:
        await speak(speaker, FIXED, how)
    assert len(engine.texts) == 3


async def test_a_sentence_that_is_cut_off_while_it_fills_the_cache_is_not_kept() -> None:
    engine = FakeSynthesizer(gated=True)
    speaker = cached(engine)
    engine.let_one_out()
    async with contextlib.aclosing(speaker.synthesize(FIXED, HOW)) as speech:
        await anext(speech)
    assert engine.closed == 1
    for _ in range(4):
        engine.let_one_out()
    whole = await speak(speaker, FIXED)
    assert [word.text for chunk in whole for word in chunk.words] == FIXED.split()
    assert len(engine.texts) == 2
    assert_same_speech(whole, await speak(speaker, FIXED))


async def test_a_task_cancelled_while_it_fills_the_cache_keeps_nothing() -> None:
    engine = FakeSynthesizer(gated=True)
    speaker = cached(engine)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speak(speaker, FIXED))
        engine.let_one_out()
        while not engine.texts:
            await asyncio.sleep(0)
        speaking.cancel()
    assert engine.closed == 1
    assert speaker.memory.get(speech_key(FIXED, HOW)) is None


async def test_a_sentence_at_which_the_engine_fails_is_not_kept() -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine)
    engine.failure = MeshError(ErrorReason.ERROR_REASON_ENGINE_FAILED, "broken; try another engine")
    with pytest.raises(MeshError, match="broken"):
        await speak(speaker, FIXED)
    engine.failure = None
    assert len(await speak(speaker, FIXED)) == 4
    assert len(engine.texts) == 2


async def test_two_who_want_a_sentence_at_once_both_get_it_whole() -> None:
    engine = FakeSynthesizer(gated=True)
    speaker = cached(engine)
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(speak(speaker, FIXED)) for _ in range(2)]
        while len(engine.texts) < 2:
            await asyncio.sleep(0)
        for _ in range(8):
            engine.let_one_out()
    assert [len(task.result()) for task in both] == [4, 4]
    assert engine.texts == [FIXED] * 2
    await speak(speaker, FIXED)
    assert len(engine.texts) == 2


async def test_a_sentence_from_memory_lets_others_have_their_turns() -> None:
    speaker = cached(FakeSynthesizer())
    await speak(speaker, FIXED)
    order: list[str] = []

    async def say(name: str) -> None:
        async for chunk in speaker.synthesize(FIXED, HOW):
            assert chunk.cached
            order.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(say("a"))
        tasks.create_task(say("b"))
    assert order == ["a", "b"] * 4


async def test_preparing_waits_until_no_call_wants_the_engine() -> None:
    engine = FakeSynthesizer(gated=True)
    speaker = cached(engine)
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(speak(speaker, PERSONAL))
        while not engine.texts:
            await asyncio.sleep(0)
        preparing = tasks.create_task(speaker.prepare(FIXED, HOW))
        for _ in range(10):
            await asyncio.sleep(0)
        assert engine.texts == [PERSONAL]
        for _ in range(2 + 4):
            engine.let_one_out()
    assert len(call.result()) == 2
    assert len(preparing.result()) == 4
    assert engine.texts == [PERSONAL, FIXED]


async def test_a_call_that_comes_while_a_sentence_is_prepared_goes_first() -> None:
    engine = FakeSynthesizer(gated=True)
    speaker = cached(engine)
    async with asyncio.TaskGroup() as tasks:
        preparing = tasks.create_task(speaker.prepare(FIXED, HOW))
        while not engine.texts:
            await asyncio.sleep(0)
        call = tasks.create_task(speak(speaker, PERSONAL))
        while len(engine.texts) < 2:
            await asyncio.sleep(0)
        engine.let_one_out()  # the prepared sentence's first word: it makes way
        while not engine.closed:
            await asyncio.sleep(0)
        assert not preparing.done()
        for _ in range(2 + 4):
            engine.let_one_out()
    assert engine.texts == [FIXED, PERSONAL, FIXED]
    assert len(call.result()) == 2
    assert [word.text for chunk in preparing.result() for word in chunk.words] == FIXED.split()


async def test_it_is_the_engine_in_all_else() -> None:
    engine = FakeSynthesizer()
    async with cached(engine) as speaker:
        assert (speaker.name, speaker.voices) == (engine.name, engine.voices)
        assert speaker.find("fake") is VOICE
        assert speaker.find("other") is None
