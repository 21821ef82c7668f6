"""The use case of a stream, with an engine that speaks when it is told to."""

import asyncio
import contextlib

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from unit.tts.fake_engine import FakeSynthesizer
from unit.tts.stream_client import CONFIGURE, Client

from mesh.errors import ErrorReason, MeshError
from services.tts import utterance
from services.tts.messages import AddText, Audio, Cancel, End, Flush, Words


async def test_a_cancel_is_answered_while_the_engine_is_still_at_work() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("u", "one two three. And more. "))
        engine.let_one_out()
        first = await anext(client.events)
        assert isinstance(first, Words)
        assert isinstance(await anext(client.events), Audio)
        # The engine stands at its second word, and no one lets that out.
        client.send(Cancel("u"))
        events, done = await client.until_done()
        assert done.cancelled
        assert done.duration_s == pytest.approx(
            0.04 + sum(len(e.data) for e in events if isinstance(e, Audio)) / 16_000
        )
        assert engine.texts == ["one two three."]
        assert engine.closed == 1
        client.send(AddText("v", "four."), End())
        engine.let_one_out()
        _, done = await client.until_done()
        assert (done.utterance_id, done.cancelled, done.duration_s) == ("v", False, 1.0)
        assert done.first_audio_after_s is not None
        with pytest.raises(StopAsyncIteration):
            await anext(client.events)
    assert engine.texts[1:] == ["four."]


async def test_audio_that_waits_for_the_reader_is_dropped_by_a_cancel() -> None:
    engine = FakeSynthesizer()
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("u", "one two three four."), Flush("u"))
        assert isinstance(await anext(client.events), Words)
        client.send(Cancel("u"))
        for _ in range(20):
            await asyncio.sleep(0)  # the stream's tasks take the cancel in
        events, done = await client.until_done()
        # What was being handed over when the cancel came still arrives; nothing behind it does.
        assert len(events) == 1
        assert done.cancelled
        assert done.duration_s == pytest.approx(0.04)


async def test_cancelling_one_leaves_the_other() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    async with contextlib.aclosing(client.events):
        client.send(CONFIGURE, AddText("a", "one. "), AddText("b", "two. "), Cancel("b"), Flush("a"))
        _, done = await client.until_done()
        assert (done.utterance_id, done.cancelled) == ("b", True)
        engine.let_one_out()
        _, done = await client.until_done()
        assert (done.utterance_id, done.cancelled) == ("a", False)
        client.send(Cancel(""), End())
        assert [event async for event in client.events] == []
    assert engine.texts == ["one."]


async def test_an_engines_failure_ends_the_stream_after_what_was_spoken() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    client.send(CONFIGURE, AddText("u", "one two. "))
    engine.let_one_out()
    async with contextlib.aclosing(client.events):
        assert isinstance(await anext(client.events), Words)
        assert isinstance(await anext(client.events), Audio)
        engine.failure = MeshError(ErrorReason.ERROR_REASON_ENGINE_FAILED, "broken; try another engine")
        engine.let_one_out()
        with pytest.raises(ExceptionGroup) as failed:
            await client.until_done()
    assert failed.group_contains(MeshError, match="broken")


async def test_commands_that_end_without_an_end_are_a_dropped_connection() -> None:
    client = Client(FakeSynthesizer())
    client.send(CONFIGURE, AddText("u", "half"), None)
    async with contextlib.aclosing(client.events):
        with pytest.raises(ExceptionGroup) as failed:
            await client.until_done()
    assert failed.group_contains(MeshError, match="CONNECTION_DROPPED")


async def test_closing_the_stream_stops_the_engine() -> None:
    engine = FakeSynthesizer(gated=True)
    client = Client(engine)
    client.send(CONFIGURE, AddText("u", "one two. "))
    engine.let_one_out()
    await anext(client.events)
    before = asyncio.all_tasks()
    await client.events.aclose()
    assert engine.closed == 1
    assert asyncio.all_tasks() < before


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(utterance, "_tracer", provider.get_tracer("test"))
    return exporter


async def test_every_utterance_has_a_span(spans: InMemorySpanExporter) -> None:
    engine = FakeSynthesizer()
    client = Client(engine)
    client.send(CONFIGURE, AddText("spoken", "one. "), Flush("spoken"))
    async with contextlib.aclosing(client.events):
        await client.until_done()
        client.send(AddText("cancelled", "two"), Cancel("cancelled"))
        await client.until_done()
        client.send(AddText("dropped", "three"), None)
        with pytest.raises(ExceptionGroup):
            await client.until_done()
    found: dict[str, ReadableSpan] = {
        str(s.attributes["tts.outcome"]): s for s in spans.get_finished_spans() if s.attributes
    }
    assert set(found) == {"spoken", "cancelled", "dropped"}
    assert all(span.name == "tts.synthesize" for span in found.values())
    assert [event.name for event in found["spoken"].events] == ["first_audio"]
    assert dict(found["spoken"].attributes or {}) == {
        "tts.engine": "fake",
        "tts.voice": "fake",
        "tts.utterance_id": "spoken",
        "tts.outcome": "spoken",
        "tts.sentences": 1,
        "tts.cached_sentences": 0,
        "tts.characters": 4,
        "tts.audio_s": 1.0,
    }
