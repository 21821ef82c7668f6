"""Several utterances on one stream: one is prepared while another is spoken."""

import asyncio
import contextlib

import pytest
from unit.tts.fake_engine import VOICE, FakeSynthesizer
from unit.tts.stream_client import CONFIGURE, Client

from services.tts.cache.fixed import FixedSentences
from services.tts.cache.memory import MemoryCache, speech_key
from services.tts.cache.synthesizer import CachedSynthesizer
from services.tts.messages import AddText, Audio, Cancel, Done, End, Event, Flush, Words
from services.tts.model import Delivery
from services.tts.stream import _READY_PACKETS

SECOND = 16_000  # bytes; the engine speaks a second a word
PAUSE_S = 0.3


async def settle() -> None:
    """Let the stream's tasks do all they can."""
    for _ in range(50):
        await asyncio.sleep(0)


def audio_of(events: list[Event], utterance_id: str) -> bytes:
    return b"".join(e.data for e in events if isinstance(e, Audio) and e.utterance_id == utterance_id)


def words_of(events: list[Event], utterance_id: str) -> list[str]:
    return [w.text for e in events if isinstance(e, Words) and e.utterance_id == utterance_id for w in e.words]


def done_of(events: list[Event], utterance_id: str) -> Done:
    (done,) = (e for e in events if isinstance(e, Done) and e.utterance_id == utterance_id)
    return done


async def test_a_first_sentence_waits_for_one_sentence_of_a_long_text() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("long", "One. Two. Three. Four. "))
        client.send(AddText("short", "Now. "), Flush("short"), AddText("other", "And. Then. "), End())
        for _ in range(8):
            engine.let_one_out()
        events = [event async for event in client.events]
    assert engine.texts == ["One.", "Now.", "And.", "Two.", "Three.", "Four.", "Then."]
    order = [e.utterance_id for e in events if isinstance(e, Done)]
    assert order == ["short", "long", "other"]
    assert words_of(events, "long") == ["One.", "Two.", "Three.", "Four."]
    assert len(audio_of(events, "long")) == 4 * SECOND + 3 * int(PAUSE_S * SECOND)
    assert done_of(events, "short").duration_s == 1.0


async def test_whoever_came_first_goes_first_among_first_sentences() -> None:
    engine = FakeSynthesizer()
    client = Client(engine)
    client.send(CONFIGURE, AddText("a", "A one. "), AddText("b", "B one. "), AddText("c", "C one. "))
    client.send(AddText("b", "B two. "), AddText("a", "A two. "), End())
    async with contextlib.aclosing(client.events):
        events = [event async for event in client.events]
    assert engine.texts == ["A one.", "B one.", "C one.", "B two.", "A two."]
    assert [e.utterance_id for e in events if isinstance(e, Done)] == ["c", "b", "a"]


async def test_cancelling_what_is_spoken_leaves_what_is_prepared_whole() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("spoken", "one two. Three. "), Flush("spoken"))
        client.send(AddText("prepared", "four five. "), Flush("prepared"))
        engine.let_one_out()
        events: list[Event] = [await anext(client.events), await anext(client.events)]
        assert {type(event) for event in events} == {Words, Audio}
        client.send(Cancel("spoken"), End())
        await settle()
        engine.let_one_out()
        engine.let_one_out()
        events += [event async for event in client.events]
    assert engine.texts == ["one two.", "four five."]
    assert done_of(events, "spoken").cancelled
    prepared = done_of(events, "prepared")
    assert not prepared.cancelled
    assert prepared.duration_s == pytest.approx(2.0)
    assert words_of(events, "prepared") == ["four", "five."]
    assert len(audio_of(events, "prepared")) == 2 * SECOND


async def test_cancelling_what_is_prepared_leaves_what_is_spoken_whole() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("spoken", "one two. Three. "), Flush("spoken"))
        client.send(AddText("prepared", "four five. "), Flush("prepared"))
        await settle()
        client.send(Cancel("prepared"), End())
        for _ in range(3):
            engine.let_one_out()
        events = [event async for event in client.events]
    assert engine.texts == ["one two.", "Three."]
    prepared = done_of(events, "prepared")
    assert (prepared.cancelled, prepared.duration_s) == (True, 0.0)
    assert audio_of(events, "prepared") == b""
    assert not done_of(events, "spoken").cancelled
    assert words_of(events, "spoken") == ["one", "two.", "Three."]
    assert len(audio_of(events, "spoken")) == 3 * SECOND + int(PAUSE_S * SECOND)


async def test_cancelling_what_is_prepared_while_its_audio_waits_for_the_reader() -> None:
    client = Client(FakeSynthesizer())
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("spoken", "one. "), Flush("spoken"), AddText("prepared", "two. "))
        events: list[Event] = [await anext(client.events)]
        await settle()
        client.send(Cancel("prepared"), End())
        await settle()
        events += [event async for event in client.events]
    assert done_of(events, "prepared").cancelled
    assert len(audio_of(events, "spoken")) == SECOND
    assert len(audio_of(events, "prepared")) == pytest.approx(done_of(events, "prepared").duration_s * SECOND)


async def test_a_slow_reader_holds_the_engine_up_and_gets_all_of_both() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE)
        for utterance_id in "ab":
            client.send(AddText(utterance_id, " ".join(["word"] * 20) + ". "), Flush(utterance_id))
        client.send(End())
        for _ in range(40):
            engine.let_one_out()
        events: list[Event] = [await anext(client.events)]
        await settle()
        # Five packets a word: the words that were spoken fit into the queue, the one at hand and the one read.
        assert engine.texts == [" ".join(["word"] * 20) + "."]
        assert engine.words <= (_READY_PACKETS + 2) // 5 + 1
        events += [event async for event in client.events]
    for utterance_id in "ab":
        assert len(audio_of(events, utterance_id)) == 20 * SECOND
        assert len(words_of(events, utterance_id)) == 20
        assert not done_of(events, utterance_id).cancelled


async def test_a_cancel_in_the_middle_of_a_fixed_sentence_keeps_no_half_and_the_other_is_whole() -> None:
    engine = FakeSynthesizer(gated=True)
    fixed = FixedSentences({"en": ["one two.", "four five."]})
    speaker = CachedSynthesizer(engine, MemoryCache(10_000_000), fixed)
    client = Client(speaker)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("a", "one two. "), AddText("b", "four five. "), Flush("b"))
        engine.let_one_out()
        await anext(client.events)
        client.send(Cancel("a"), End())
        await settle()
        for _ in range(2):
            engine.let_one_out()
        events = [event async for event in client.events]
    assert len(audio_of(events, "b")) == 2 * SECOND
    how = Delivery(VOICE)
    assert speaker.memory.get(speech_key("one two.", how)) is None
    assert speaker.memory.get(speech_key("four five.", how)) is not None
